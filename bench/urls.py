"""The product's addresses, and one that asks who it is and answers nothing."""

from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response

from config.urls import urlpatterns as product
from emissions.api.base import ApiView
from emissions.permissions import Action


class NothingView(ApiView):
    """What every request to the API costs: its token, its limit, its answer."""

    actions = {"POST": Action.LOG_RUNS}

    def post(self, request: Request) -> Response:
        """Answer nothing."""
        return Response({})


urlpatterns = [path("nothing/", NothingView.as_view(schema=None)), *product]
