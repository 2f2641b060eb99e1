"""A job of processors alone has the power of its cores: no accelerator needs to be named."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("emissions", "0026_node_lives")]

    operations = [
        migrations.RemoveConstraint(model_name="run", name="run_power_or_energy_known"),
        migrations.AddConstraint(
            model_name="run",
            constraint=models.CheckConstraint(
                name="run_power_or_energy_known",
                condition=Q(hardware__isnull=False)
                | Q(node__isnull=False)
                | Q(stated_power_watts__isnull=False)
                | Q(energy_kwh__isnull=False)
                | Q(cpu_cores__isnull=False, cpu_cores__gt=0)
                | ~Q(unknown_equipment=""),
            ),
        ),
    ]
