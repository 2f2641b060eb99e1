"""The links that set a password."""

from typing import TYPE_CHECKING

from allauth.account.forms import EmailAwarePasswordResetTokenGenerator

if TYPE_CHECKING:
    from emissions.models import User


class PasswordLinks(EmailAwarePasswordResetTokenGenerator):
    """A link ends when its person joins or leaves an organisation, or gets other rights here.

    An admin may hand out a link to a person who belongs to that organisation alone; it must
    not open what the person is invited to later.
    """

    def _make_hash_value(self, user: "User", timestamp: int) -> str:
        organisations = user.memberships.order_by("pk").values_list("organisation_id", flat=True)
        rights = f"{user.is_staff}{user.is_superuser}{list(organisations)}"
        return f"{super()._make_hash_value(user, timestamp)}{rights}"
