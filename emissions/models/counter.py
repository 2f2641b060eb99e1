"""What devices showed when they were last asked: samples of counters of energy."""

from django.db import models

from emissions.models.organisation import Organisation


class CounterSample(models.Model):
    """One row is what one device of an endpoint showed at one moment.

    Kept for some days: runs are made of the samples of a day, however often.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="+")
    endpoint = models.CharField(max_length=250, help_text="Its address, without credentials.")
    device = models.CharField(max_length=200)
    metric = models.CharField(max_length=200)
    at = models.DateTimeField()
    value = models.FloatField(help_text="In the metric's own unit.")
    labels = models.JSONField(default=dict)

    class Meta:
        ordering = ["at", "device"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "endpoint", "device", "metric", "at"],
                name="counter_sample_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.device} at {self.at}"
