from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("governance", "0003_predictions_are_an_input")]
    operations = [migrations.RemoveField(model_name="evaluation", name="predictions")]
