"""What grids' electricity is made of, written once."""

import django.db.models.deletion
import django.db.models.expressions
from django.db import migrations, models

APPEND_ONLY = migrations.RunSQL(
    "CREATE TRIGGER emissions_gridmix_append_only BEFORE UPDATE OR DELETE"
    " ON emissions_gridmix FOR EACH ROW EXECUTE FUNCTION tonne_append_only()",
    "DROP TRIGGER emissions_gridmix_append_only ON emissions_gridmix",
)


class Migration(migrations.Migration):

    dependencies = [
        ('emissions', '0024_trued_up_years'),
    ]

    operations = [
        migrations.CreateModel(
            name='GridMix',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('starts_on', models.DateField()),
                ('ends_before', models.DateField()),
                ('renewable_share', models.FloatField()),
                ('nuclear_share', models.FloatField()),
                ('fossil_share', models.FloatField()),
                ('published', models.CharField(blank=True, max_length=200)),
                ('verification', models.CharField(blank=True, max_length=100)),
                ('source', models.CharField(max_length=400)),
                ('source_url', models.CharField(blank=True, max_length=400)),
                ('licence', models.CharField(blank=True, max_length=200)),
                ('note', models.CharField(blank=True, max_length=400)),
                ('factor_set', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='mixes', to='emissions.factorset')),
                ('zone', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='emissions.gridzone')),
            ],
            options={
                'verbose_name_plural': 'grid mixes',
                'ordering': ['zone_id', 'starts_on'],
                'constraints': [models.UniqueConstraint(fields=('factor_set', 'zone', 'starts_on'), name='grid_mix_once'), models.CheckConstraint(condition=models.Q(('fossil_share__gte', 0), ('nuclear_share__gte', 0), ('renewable_share__gte', 0), ('renewable_share__lte', django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.Value(1.01), '-', models.F('nuclear_share')), '-', models.F('fossil_share')))), name='grid_mix_shares'), models.CheckConstraint(condition=models.Q(('ends_before__gt', models.F('starts_on'))), name='grid_mix_validity')],
            },
        ),
        APPEND_ONLY,
    ]
