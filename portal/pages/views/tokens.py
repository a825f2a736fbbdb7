"""API tokens: listed, made (the secret is shown once), revoked."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from governance.actions import people
from governance.models import ApiToken
from portal.actors import actor_of
from portal.pages.forms.tokens import CreateTokenForm, RevokeTokenForm
from portal.pages.keyset import read_page
from portal.pages.perform import no_store, perform, posted


@require_safe
def list_tokens(request: HttpRequest) -> HttpResponse:
    tokens = ApiToken.objects.visible_to(actor_of(request).user).select_related("project")
    return render(request, "tokens/tokens.html", {"page": read_page(request, tokens), "now": timezone.now()})


@require_http_methods(["GET", "POST"])
@no_store
@sensitive_variables("made", "secret")
def create_token(request: HttpRequest) -> HttpResponse:
    """Make a token and show its secret in the answer itself: it is kept nowhere, so it cannot be shown again."""
    actor = actor_of(request)
    form = CreateTokenForm(posted(request), user=actor.user)
    if request.method == "POST":
        made = perform(request, form, lambda: people.create_token(**form.cleaned_data, actor=actor))
        if made is not None:
            token, secret = made
            return render(request, "tokens/token_made.html", {"token": token, "secret": secret}, status=201)
    return render(request, "tokens/token_new.html", {"form": form}, status=form.status)


@require_http_methods(["GET", "POST"])
def revoke_token(request: HttpRequest, pk: int) -> HttpResponse:
    actor = actor_of(request)
    token = get_object_or_404(ApiToken.objects.visible_to(actor.user).select_related("project"), pk=pk)
    form = RevokeTokenForm(posted(request))
    if request.method == "POST":
        revoked = perform(request, form, lambda: people.revoke_token(token, actor=actor))
        if revoked is not None:
            messages.success(request, _("The token “%(name)s” no longer works.") % {"name": token.name})
            return redirect("pages:tokens")
    return render(request, "tokens/token_revoke.html", {"token": token, "form": form}, status=form.status)
