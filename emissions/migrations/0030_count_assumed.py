"""A run of which only device-hours are stated says so: its count and wall-clock are assumed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("emissions", "0029_latest_runs")]

    operations = [
        migrations.AddField(
            model_name="importrow",
            name="count_assumed",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="run",
            name="count_assumed",
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
