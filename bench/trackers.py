"""Some of CodeCarbon's own API clients at once, in a process of their own.

`python -m bench.trackers endpoint token clients posts` begins that many runs, waits for a line
on stdin and lets each client post; prints the seconds of every post. The package is as it is:
it waits for two seconds, keeps no connection and repeats nothing.
"""

import contextlib
import json
import logging
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from codecarbon.core.api_client import ApiClient
from requests.exceptions import RequestException

from tests.codecarbon_bodies import POST_3, RUN_3

WARM_UP = 3


def main(endpoint: str, token: str, clients: int, posts: int) -> None:
    """Begin, say so, wait, post, print."""
    logging.getLogger("codecarbon").setLevel(logging.CRITICAL)
    with ThreadPoolExecutor(clients) as pool:
        begun = list(pool.map(lambda _: _begin(endpoint, token), range(clients)))
        print("begun", flush=True)
        sys.stdin.readline()
        found = list(pool.map(lambda client: _post(client, posts), begun))
    print(json.dumps([seconds for each in found for seconds in each]), flush=True)


def _begin(endpoint: str, token: str) -> ApiClient:
    client = ApiClient(endpoint_url=endpoint, experiment_id="default", api_key=token, conf=RUN_3)
    _post(client, WARM_UP)
    return client


def _post(client: ApiClient, posts: int) -> list[float]:
    """Return the seconds of each post; after two the client gives up, and the post is lost."""
    found = []
    for _ in range(posts):
        delta = {**POST_3, "emissions": POST_3["emissions_sum"], "duration": 120.5}
        start = time.perf_counter()
        with contextlib.suppress(RequestException):
            client.add_emission(delta)
        found.append(time.perf_counter() - start)
    return found


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
