"""Django admin: everything can be looked at, nothing changed, but for people.

The app's own pages write through services, with audit events and recalculation; a form that
saves a model would go past all of that.
"""

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.db.models import CompositePrimaryKey, DateTimeField, ForeignKey, Model
from django.http import HttpRequest

from emissions.models import User

if TYPE_CHECKING:
    AnyModelAdmin = admin.ModelAdmin[Any]
    AnyUserAdmin = UserAdmin[User]
else:
    AnyModelAdmin, AnyUserAdmin = admin.ModelAdmin, UserAdmin


class ReadOnlyAdmin(AnyModelAdmin):
    """A list and a page per row, without a way to write."""

    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False


@admin.register(User)
class PersonAdmin(AnyUserAdmin):
    """People are the exception: accounts are made, locked and given a password here, too."""

    ordering = ("email",)
    list_display = ("email", "name", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff")
    search_fields = ("email", "name")
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "classes": ("wide",),
                "fields": ("email", "name", "usable_password", "password1", "password2"),
            },
        ),
    )

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only superusers: whoever can give rights can give them to themselves."""
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only superusers."""
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: the ledger and the audit log name people. An account is made inactive."""
        return False


def shown(model: type[Model]) -> list[str]:
    """Return the columns of a model's list: what it is called, whose it is, and when."""
    fields = {field.name: field for field in model._meta.concrete_fields}
    owner = [name for name in ("organisation",) if isinstance(fields.get(name), ForeignKey)]
    times = [name for name, field in fields.items() if isinstance(field, DateTimeField)]
    return ["__str__", *owner, *times[:1]]


def register_read_only() -> None:
    """Register every model that nobody has registered.

    Django admin cannot show a composite primary key: monthly totals are left out.
    """
    for model in apps.get_app_config("emissions").get_models():
        if isinstance(model._meta.pk, CompositePrimaryKey) or admin.site.is_registered(model):
            continue
        options = {
            "list_display": shown(model),
            "list_select_related": True,
            "raw_id_fields": (),
        }
        admin.site.register(model, type(f"{model.__name__}Admin", (ReadOnlyAdmin,), options))


register_read_only()
