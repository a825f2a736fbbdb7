"""Signing in and out. Wrong passwords are counted and locked out by axes."""

from __future__ import annotations

from django.contrib.auth.views import LoginView, LogoutView

sign_in = LoginView.as_view(template_name="registration/login.html", redirect_authenticated_user=True)
sign_out = LogoutView.as_view()
