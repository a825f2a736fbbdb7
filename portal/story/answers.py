"""What the team of the triage answers where no record says it: plain words about a model of 442 patients."""

from __future__ import annotations

from typing import Any

ABOUT_THE_SYSTEM: dict[str, Any] = {
    "system.jurisdictions": ["EU"],
    "system.use_domain": "health",
    "system.eu_risk_class": "high_annex_iii",
    "system.annex_iii_point": "5(d)",
    "system.classification_rationale": (
        "It puts patients into an order in which they are seen. We treat that as triage of patients, point 5(d), "
        "although nobody is turned away. Decided by the compliance officer with the clinic's counsel."
    ),
    "system.eu_role": ["provider", "deployer"],
    "system.provider": "University Clinic, Department of Medicine; contact through the clinic's research office.",
    "system.deployer": "The same clinic uses it in its own outpatient department.",
    "system.output_kind": "score",
    "system.solely_automated": False,
    "system.significant_effect": True,
    "system.profiles_people": True,
    "system.is_model": True,
    "system.us_bank_use": False,
    "system.generative_or_agentic": False,
    "system.aedt": False,
    "system.gxp_record": False,
    "system.suppliers": [],
    "system.users": ["Nurses who call patients back", "Physicians of the diabetes clinic"],
    "system.process_description": (
        "After the yearly examination the list of patients to be called back is put into an order. A nurse works the "
        "list from the top and may move anybody up; a physician sees everybody on it within six weeks."
    ),
    "system.foreseeable_misuse": [
        "Taking patients at the bottom off the list",
        "Using the score to decide on a therapy",
        "Using it for patients without a diabetes diagnosis",
    ],
    "system.interactions": [
        "Reads ten measurements from the laboratory system",
        "Writes an order to the call-back list",
    ],
    "system.software_versions": ["Python 3.11", "The libraries that the passport of each evaluation names"],
    "system.distribution_forms": ["Installed in the clinic's own network"],
    "system.hardware": "One ordinary server; scoring a list takes less than a second.",
    "system.user_interface": "A list of names with the predicted progression and the three measurements behind it.",
    "system.benefits_costs": "Those who progress fast are seen weeks earlier. A wrong place costs weeks.",
    "requirement.legal": ["EU AI Act", "GDPR"],
}
ABOUT_THE_MAKING: dict[str, Any] = {
    "design.method": "A regression on ten measurements, cut at the clinic's threshold; compared with a constant guess.",
    "design.pretrained": [],
    "design.logic": "A weighted sum of ten measurements predicts the progression within a year.",
    "design.theory": "Body mass, blood pressure and blood lipids are known to go with the progression of diabetes.",
    "design.choices": [
        "Ten measurements that every patient has; nothing that has to be asked for",
        "Age and sex are used: leaving them out treated patients less alike, as version 1 showed",
    ],
    "design.assumptions": ["Measurements of the yearly examination are comparable between years"],
    "design.alternatives": ["Calling everybody in the order of their last visit, as before"],
    "design.objective": "The squared difference between predicted and observed progression.",
    "design.expected_output": "A number; patients above the threshold come first. Recall of at least 0.7 is required.",
    "design.tradeoffs": ["A higher recall is bought with more calls to patients who would have been well"],
    "design.classification_choices": "The threshold is the median progression of the training patients.",
    "design.limitations": [
        "442 patients of one clinic; groups are small and their intervals wide",
        "No patient under nineteen or over eighty",
    ],
    "design.interpretation_aids": ["The three measurements that moved a patient up or down stand beside the name"],
    "design.oversight_measures": ["A nurse may move anybody up; reasons are noted and looked at each month"],
    "design.override_stop": "The list can be put back into the order of the last visit by one switch.",
    "dataset.selection": "Every patient of the published study; nobody was left out.",
    "dataset.labelling": "Progression one year after baseline, measured, not judged by anybody.",
    "dataset.gaps": ["Ethnicity and income were not recorded, so no difference by them can be measured"],
    "dataset.context_fit": "The clinic's own patients are of a similar age; measurements are taken the same way.",
    "evaluation.metric_rationale": "Missing somebody who progresses fast is worse than a call too many: hence recall.",
    "evaluation.limits": ["Nothing is known about patients of other clinics", "One year is a short time"],
    "fairness.definition": "Equal opportunity: those who progress fast are found equally often in every group.",
    "risk.method": "Rated by likelihood and harm with the clinic's risk table; accepted by the head of the department.",
    "risk.register": [
        "A fast progression is missed: seen weeks later than possible",
        "Nurses trust the order and stop looking",
        "Measurements drift after a change of the laboratory",
    ],
    "risk.vulnerable": "No minors are treated. Patients over eighty are not in the data and are called first by rule.",
    "risk.treatment": [
        "Everybody on the list is seen within six weeks, whatever the order",
        "Moves by nurses are counted; fewer than usual starts a conversation",
    ],
    "risk.residual": {
        "level": "low",
        "remains": "A place on the list that is some weeks too late.",
        "accepted_by": "Head of the diabetes clinic",
    },
}
ABOUT_THE_USE: dict[str, Any] = {
    "monitoring.limits": ["Recall under 0.6 over two months: back to the order of the last visit"],
    "oversight.people": ["Head nurse of the diabetes clinic"],
    "rights.human_review": "Every patient may ask the physician, who sees the measurements and may change the order.",
}
OF_THE_ORGANISATION: dict[str, Any] = {
    "org.roles": "Roles are held in each project of this portal; the log names who granted them.",
    "org.concern_channel": "A word to the ombudsperson, by letter or by the intranet, with or without a name.",
    "org.risk_appetite": "No model of high risk is used before three people have signed it.",
}
