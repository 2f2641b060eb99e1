"""The latest runs of a site and of a node are found by an index, however many runs there are."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("emissions", "0028_node_totals")]

    operations = [
        migrations.AddIndex(
            model_name="run",
            index=models.Index(fields=["site", "-started_at", "-id"], name="run_of_site", condition=models.Q(("site__isnull", False))),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(fields=["node", "-started_at", "-id"], name="run_of_node", condition=models.Q(("node__isnull", False))),
        ),
        # What they replace: an index of each column alone.
        migrations.AlterField(
            model_name="run",
            name="node",
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, to="emissions.node"),
        ),
        migrations.AlterField(
            model_name="run",
            name="site",
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, to="emissions.site"),
        ),
    ]
