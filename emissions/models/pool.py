"""What runs share, by month: the lock of each pool, and the queue of those to be settled."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from emissions.calculation.vocabulary import Cause, PoolKind
from emissions.models.choices import choices, one_of
from emissions.models.hardware import Node
from emissions.models.organisation import Organisation
from emissions.models.site import Site

#: Kinds of a node's month and of a site's month; the others name their own subject.
OF_NODE = (PoolKind.NODE_IDLE,)
OF_SITE = (PoolKind.METER_REMAINDER, PoolKind.COVERAGE)


class PoolKey(models.Model):
    """Which pool: its kind, what it is of, and its month.

    `subject` names what is neither a site nor a node, such as a provider's account.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, db_index=False)
    kind = models.CharField(max_length=16, choices=choices(PoolKind))
    site = models.ForeignKey(Site, on_delete=models.PROTECT, null=True, blank=True)
    node = models.ForeignKey(Node, on_delete=models.PROTECT, null=True, blank=True)
    subject = models.CharField(max_length=100, blank=True)
    month = models.DateField()

    #: The columns that say which pool a row means, beside the organisation.
    KEY = ("kind", "site_id", "node_id", "subject", "month")

    class Meta:
        abstract = True


class Pool(PoolKey):
    """One row is a month of a node, a site or another subject; workers lock it to settle it.

    A pool posts what depends on the neighbours of a run: see `services/pools/rules`. Its row
    never changes, and stays while the ledger has lines of it.
    """

    class Meta:
        ordering = ["month", "kind", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "kind", "site", "node", "subject", "month"],
                name="pool_once",
                nulls_distinct=False,
            ),
            one_of("kind", PoolKind, name="pool_kind"),
            models.CheckConstraint(condition=Q(month__day=1), name="pool_month"),
            models.CheckConstraint(
                name="pool_has_its_subject",
                condition=Q(kind__in=OF_NODE, node__isnull=False, site__isnull=True, subject="")
                | Q(kind__in=OF_SITE, site__isnull=False, node__isnull=True, subject="")
                | ~Q(kind__in=(*OF_NODE, *OF_SITE)),
            ),
        ]

    def __str__(self) -> str:
        return f"{PoolKind(self.kind).label}, {self.month:%Y-%m}"


class StalePool(PoolKey):
    """One row asks for one pool to be settled; others only insert rows, workers clear them.

    It names the pool by its key, for the pool may not exist yet; whether it is needed at all
    is decided when it is settled.
    """

    cause = models.CharField(max_length=20, choices=choices(Cause), default=Cause.DATA)
    reason = models.CharField(max_length=250, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    not_before = models.DateTimeField(db_default=Now())
    attempts = models.SmallIntegerField(default=0)
    last_error = models.TextField(blank=True)

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["organisation", "kind", "month"], name="stale_pool_key"),
        ]
        constraints = [
            one_of("kind", PoolKind, name="stale_pool_kind"),
            one_of("cause", Cause, name="stale_pool_cause"),
            models.CheckConstraint(condition=Q(month__day=1), name="stale_pool_month"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.month:%Y-%m}: {self.cause}"
