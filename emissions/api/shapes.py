"""How things are shown: the same serializer shows and documents them."""

from collections.abc import Sequence
from typing import Any

from rest_framework import serializers


class Shape(serializers.Serializer[Any]):
    """How a thing is shown; no field is promised, since `fields=` may leave any out."""

    def __init__(self, *args: Any, only: Sequence[str] | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self.only = only

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Return the wanted fields."""
        fields = super().get_fields()
        for field in fields.values():
            field.required = False
        if self.only is None:
            return fields
        return {name: field for name, field in fields.items() if name in self.only}
