"""Evaluations name what further evidence they read by role; the predictions of explanations become the first such input.

A migration of its own: PostgreSQL refuses to alter a table in the transaction that has just filled its references.
"""

from django.db import migrations


def copy_predictions(apps, schema_editor):
    evaluations = apps.get_model("governance", "Evaluation").objects.exclude(predictions=None)
    inputs = apps.get_model("governance", "EvaluationInput").objects
    inputs.bulk_create(
        inputs.model(evaluation_id=pk, role="predictions", evidence_id=evidence)
        for pk, evidence in evaluations.values_list("pk", "predictions_id")
    )


class Migration(migrations.Migration):
    dependencies = [("governance", "0002_evaluation_inputs")]
    operations = [migrations.RunPython(copy_predictions, migrations.RunPython.noop)]
