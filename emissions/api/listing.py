"""What lists and single things of the API share: one shape, filters, order, pages, fields."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, ClassVar, TypeVar

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema, extend_schema_view, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from emissions.api.base import ApiView, problems
from emissions.api.paging import page_of_rows
from emissions.api.query import Filter, Query, documented, read_query
from emissions.api.shapes import Shape


class Resource(ApiView):
    """One kind of thing: which rows there are, and how one is shown."""

    shape: ClassVar[type[Shape]]
    filters: ClassVar[Sequence[Filter]] = ()
    orders: ClassVar[Mapping[str, str]] = {}
    default_order: ClassVar[Sequence[str]] = ()

    def rows(self) -> QuerySet[Any]:
        """Return the rows that the request may see."""
        raise NotImplementedError

    def show(self, rows: Iterable[Any], fields: Sequence[str] | None) -> list[dict[str, Any]]:
        """Return how rows are shown."""
        context = {"organisation_id": self.access.organisation.pk}
        return list(self.shape(list(rows), many=True, only=fields, context=context).data)

    def query(self, request: Request, **options: Any) -> Query:
        """Return what the address asks for."""
        return read_query(request, fields=_names(self.shape), **options)


@cache
def _names(shape: type[Shape]) -> tuple[str, ...]:
    return tuple(shape().fields)


class ListView(Resource):
    """A page of rows."""

    def get(self, request: Request) -> Response:
        """List them."""
        query = self.query(
            request, filters=self.filters, orders=self.orders, default_order=self.default_order
        )
        page = page_of_rows(
            self.narrow(self.rows(), query),
            order=query.order,
            limit=query.limit,
            cursor=query.cursor,
        )
        links = page.links(request.build_absolute_uri())
        return Response({**links, "results": self.show(page.rows, query.fields)})

    def narrow(self, rows: QuerySet[Any], query: Query) -> QuerySet[Any]:
        """Return the rows that the filters leave."""
        return rows.filter(**query.filters)


class DetailView(Resource):
    """One row, by its key in the address."""

    key: ClassVar[str] = "slug"

    def get(self, request: Request, key: Any) -> Response:
        """Return it."""
        query = self.query(request)
        row = self.rows().filter(**{self.key: key}).first()
        if row is None:
            raise Http404
        (shown,) = self.show([row], query.fields)
        return Response(shown)


V = TypeVar("V", bound=type[Resource])


def page_of(shape: type[Shape]) -> Any:
    """Return the serializer of a page of a shape."""
    return inline_serializer(
        f"{shape.__name__}Page",
        {
            "next": serializers.URLField(allow_null=True),
            "previous": serializers.URLField(allow_null=True),
            "results": shape(many=True),
        },
    )


def describe(operation_id: str, summary: str) -> Callable[[V], V]:
    """Document a view of this module: `describe("list_teams", "Teams of the organisation.")`."""

    def wrap(view: V) -> V:
        listing = issubclass(view, ListView)
        answer = page_of(view.shape) if listing else view.shape()
        parameters = documented(view.filters if listing else (), view.orders, paged=listing)
        schema = extend_schema(
            operation_id=operation_id,
            description=summary,
            tags=[operation_id.split("_", 1)[1].replace("_", " ")],
            parameters=parameters,
            responses={200: answer, **problems(400, 401, 403, 404, 429)},
        )
        decorated: V = extend_schema_view(get=schema)(view)
        return decorated

    return wrap
