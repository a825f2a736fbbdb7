"""One's own account: who one is here, and another password."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from governance.actions import people
from governance.models import Delegation, Membership, User
from portal.actors import actor_of
from portal.pages.forms.account import ChangePasswordForm
from portal.pages.forms.proof import demand_of
from portal.pages.perform import no_store, perform, posted


@require_http_methods(["GET", "POST"])
@no_store
@sensitive_post_parameters()
def show_account(request: HttpRequest) -> HttpResponse:
    """Show name and roles and change the password. Other sessions of the account end with the old one."""
    actor = actor_of(request)
    form = ChangePasswordForm(posted(request), demand=demand_of(request, "change_password", actor.user.pk))
    if request.method == "POST":
        changed = perform(request, form, lambda: _change(form, request))
        if changed is not None:
            update_session_auth_hash(request, changed)
            messages.success(request, _("Your password is changed. Other sessions are signed out."))
            return redirect("pages:account")
    roles = Membership.objects.current().filter(user=actor.user).select_related("project")
    own = Q(from_user=actor.user) | Q(to_user=actor.user)
    delegations = Delegation.objects.filter(own, ended_at=None, ends_at__gt=timezone.now())
    context = {
        "form": form,
        "roles": roles,
        "factors": actor.user.second_factors.current(),
        "delegations": delegations.select_related("project", "from_user", "to_user"),
    }
    return render(request, "people/account.html", context, status=form.status)


def _change(form: ChangePasswordForm, request: HttpRequest) -> User:
    given = form.cleaned_data
    return people.change_password(
        password=given["password"], new_password=given["new_password"], actor=actor_of(request)
    )
