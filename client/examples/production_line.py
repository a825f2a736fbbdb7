"""A production line under simulated cameras and light, before it meets real ones.

    python production_line.py                      # without a portal: prints what each condition costs
    python production_line.py --design hardened    # trained on disturbed images as well

    export COUNTERSIGN_URL=http://127.0.0.1:8000
    export COUNTERSIGN_TOKEN=csn_...               # scopes: read and submit
    python production_line.py --submit             # registers the version, submits, has it audited with criteria

The training is written down, so that anybody can run it again and compare; with --submit and --version the portal does:

    countersign record --metrics production-line/plain/metrics.json --output production-line/plain/model.json \\
        --absolute accuracy=0.005 --seed 20 -- python production_line.py
    countersign reproduce countersign-training.json

Parts pass under two cameras; a model reads the digit stamped on each and sends the part to the left box (0 to 4) or to
the right one (5 to 9). The digits are those that come with scikit-learn, enlarged to the 32 by 32 pixels of a small
camera; the second camera's parts are stamped with less ink. The conditions are graded and seeded: the same command
gives the same images everywhere. With a clone of the portal at hand, ``python -m audits bias
production-line/plain/spec.json --check`` gives the verdicts without a server: parts that do not lie in the middle cost
the plain design too much, and the hardened one can bear them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table as ScreenTable
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from tables import Origin, Table, record_table, write_csv
from threadpoolctl import threadpool_limits

from countersign import Client, CountersignError, describe_artifact, digest_file
from countersign.showing import gate_table
from countersign.stress import (
    PredictionRows,
    disturb_image,
    make_spec,
    parse_conditions,
    run_conditions,
    submit_conditions,
    write_files,
)
from countersign.types import Evaluation, Model, Project, Version

MODEL = "Digit reader"
USE = {
    "description": "Reads the digit stamped on a part from one camera image, and chooses its box by it.",
    "intended_use": "Sort parts on a line into two boxes.",
    "out_of_scope_uses": "Parts without a stamp, handwriting of persons, any decision about people.",
    "affected_people": "Nobody directly; workers who handle what is sorted wrongly.",
}
RISK = {
    **{"people": "nobody", "harm": "nuisance", "control": "nominal"},
    **{"reach": "mass", "data": "none", "undo": "easily"},
}
TIER = "A part in the wrong box is found at the next station."
SOURCE = Origin(
    "Alpaydin and Kaynak (1998), Optical Recognition of Handwritten Digits",
    "CC BY 4.0; as distributed with scikit-learn",
    personal_data="none",
)
SEED = 20
TEST_EVERY = 3
SIDE = 4  # camera pixels for each pixel of the stamp
SHOWN = "accuracy"
# What the line has to bear: condition, and how much accuracy it may cost.
BORNE = {
    "gaussian_noise:2": 0.05,
    "motion_blur:2": 0.05,
    "underexposure:3": 0.10,
    "uneven_light:2": 0.05,
    "low_resolution:2": 0.05,
    "dead_pixels:3": 0.05,
    "shift:2": 0.065,
}
TRIED = ("gaussian_noise:1-4", "motion_blur:1-4", "underexposure:2-4", "uneven_light:1-3", "low_resolution:1-4")
TRIED_ALSO = ("defocus_blur:2", "dead_pixels:3", "jpeg_compression:3", "occlusion:1", "rotation:2", "shift:2")
# The hardened design is trained on these, with another seed: it has seen noise and light, never these very images.
TRAINED_ON = ("gaussian_noise:3", "motion_blur:3", "underexposure:4", "uneven_light:3", "shift:2", "shift:3")
DESIGNS = {"plain": "Trained on good images", "hardened": "Trained on good and on disturbed images"}


@dataclass(frozen=True)
class Parts:
    """Images (count x 32 x 32, grey, 8 bits) with the digit, the camera and the id of each part."""

    images: NDArray[np.uint8]
    digits: NDArray[np.int64]
    cameras: NDArray[Any]
    ids: list[str]

    def __getitem__(self, chosen: NDArray[np.bool_]) -> Parts:
        ids = [name for name, is_chosen in zip(self.ids, chosen, strict=True) if is_chosen]
        return Parts(self.images[chosen], self.digits[chosen], self.cameras[chosen], ids)


def read_parts() -> tuple[Parts, Parts]:
    """Return the parts to train on and those to test on: every third."""
    stamps, digits = load_digits(return_X_y=True)
    count = len(digits)
    cameras = np.where(np.arange(count) // 2 % 2, "north", "south")
    ink = np.where(cameras == "north", 1.0, 0.8)
    stamped = np.rint(stamps.reshape(count, 8, 8) / 16 * ink[:, np.newaxis, np.newaxis] * 255).astype(np.uint8)
    images = stamped.repeat(SIDE, axis=1).repeat(SIDE, axis=2)
    parts = Parts(images, digits, cameras, [f"P{number:04d}" for number in range(1, count + 1)])
    is_test = np.arange(count) % TEST_EVERY == 0
    return parts[~is_test], parts[is_test]


def box_of(digit: int) -> str:
    """Return where a part with this digit belongs."""
    return "left" if digit < 5 else "right"


def look(images: Any) -> NDArray[np.float64]:
    """Return what the model sees of camera images: the mean of every 4 by 4 pixels, from 0 to 1."""
    stack = np.stack(list(images)).astype(np.float64) / 255
    return stack.reshape(len(stack), 8, SIDE, 8, SIDE).mean(axis=(2, 4)).reshape(len(stack), 64)


@dataclass(frozen=True)
class DigitReader:
    """A linear model over 64 brightnesses: weights (10 x 64) and offsets (10)."""

    weights: NDArray[np.float64]
    offsets: NDArray[np.float64]

    @classmethod
    def train(cls, parts: Parts, design: str) -> DigitReader:
        """Train on the parts; the hardened design on their disturbed images too."""
        seen, digits = [look(parts.images)], [parts.digits]
        if design == "hardened":
            for condition in parse_conditions(TRAINED_ON):
                disturbed = [
                    disturb_image(image, condition, seed=SEED + 1, number=number)
                    for number, image in enumerate(parts.images)
                ]
                seen.append(look(disturbed))
                digits.append(parts.digits)
        with threadpool_limits(1):
            trained = LogisticRegression(C=1.0, max_iter=300).fit(np.concatenate(seen), np.concatenate(digits))
        return cls(trained.coef_, trained.intercept_)

    def choose(self, images: Any) -> list[str]:
        """Return the box for the part on each image."""
        return [box_of(digit) for digit in (look(images) @ self.weights.T + self.offsets).argmax(axis=1)]

    def save(self, path: Path) -> Path:
        """Write the model as plain JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        document = {"format": "digit-reader/1", "weights": self.weights.tolist(), "offsets": self.offsets.tolist()}
        path.write_text(json.dumps(document), encoding="utf-8")
        return path


def try_conditions(reader: DigitReader, parts: Parts) -> PredictionRows:
    """Sort every test part undisturbed and under every condition."""
    return run_conditions(
        reader.choose,
        parts.images,
        parse_conditions([*TRIED, *TRIED_ALSO]),
        ids=parts.ids,
        y_true=[box_of(digit) for digit in parts.digits],
        sensitive={"camera": parts.cameras},
        seed=SEED,
    )


def specify(rows: PredictionRows) -> dict[str, Any]:
    """Return the audit that is asked for: what each condition costs, by camera, and what it may cost."""
    criteria = [
        {
            "name": f"The line bears {condition}",
            "metric": f"{SHOWN}_loss",
            "population": f"condition={condition}",
            "comparator": "at_most",
            "threshold": most,
        }
        for condition, most in BORNE.items()
    ]
    return make_spec(rows, task="binary", positive_label="right", criteria=criteria)


def show(rows: PredictionRows, console: Console) -> dict[str, float]:
    """Print the share of parts sorted rightly under every condition, by camera, and return the overall shares."""
    frame = pd.DataFrame(rows.columns).assign(right=lambda read: read["y_true"] == read["y_pred"])
    shares = frame.groupby("condition", sort=False)["right"].mean()
    by_camera = frame.pivot_table("right", "condition", "camera", sort=False)
    table = ScreenTable("Condition", "Sorted rightly", "Lost", "May cost", *by_camera.columns)
    for name, share in shares.items():
        most = f"{BORNE[name]:.2f}" if name in BORNE else ""
        cameras = (f"{value:.3f}" for value in by_camera.loc[name])
        table.add_row(str(name), f"{share:.3f}", f"{shares['none'] - share:.3f}", most, *cameras)
    console.print(table)
    return {str(name): float(share) for name, share in shares.items()}


def describe_the_model(portal: Client, project: Project) -> Model:
    """Register the model with its use, tier and what the line has to bear."""
    model = portal.find_model(project, MODEL) or portal.register_model(project, MODEL, **USE)
    if not model.risk_tier_rationale:
        model = portal.assess_risk(model, "general", RISK, rationale=TIER)
    written = {requirement.title for requirement in portal.requirements(model)}
    for condition, most in BORNE.items():
        title = f"Bears {condition}"
        if title not in written:
            portal.write_requirement(
                model,
                title=title,
                statement=f"Under the condition {condition} at most {most:.0%} of the parts more are sorted wrongly.",
                source="Line manager",
                criteria=[
                    {
                        "metric": f"{SHOWN}_loss",
                        "population": f"condition={condition}",
                        "comparator": "at_most",
                        "threshold": str(most),
                    }
                ],
            )
    return model


def register_candidate(portal: Client, project: Project, model: Model, design: str, folder: Path) -> Version:
    """Register the version with its lineage: the parts it was trained and tested on."""
    artifact = describe_artifact(folder / design / "model.json")
    version = portal.find_version(model, digest=artifact["digest"]) or portal.register_version(
        model,
        artifacts=[artifact],
        source_run=f"production_line.py --design {design}",
        training_code=f"production_line.py {digest_file(__file__)}",
        notes=f"{DESIGNS[design]}.",
    )
    declared = {use.role for use in portal.dataset_uses(version)}
    for role in ("training", "test"):
        if role not in declared:
            described = f"Digit, camera and 64 brightnesses of every part: {role} parts."
            table = Table(f"Stamped parts, {role}", described, folder / f"{role}.csv", SOURCE)
            portal.declare_dataset_use(version, record_table(portal, project, table), role=role)
    return version


def write_parts(parts: Parts, path: Path) -> Path:
    """Write the parts as a table."""
    seen = pd.DataFrame(look(parts.images)).add_prefix("brightness_")
    return write_csv(seen.assign(part=parts.ids, digit=parts.digits, camera=parts.cameras), path)


def submit(portal: Client, project: Project, design: str, rows: PredictionRows, folder: Path) -> Evaluation:
    """Submit the metrics and the predictions under conditions, and have these audited."""
    version = register_candidate(portal, project, describe_the_model(portal, project), design, folder)
    metrics = json.loads((folder / design / "metrics.json").read_text(encoding="utf-8"))
    portal.submit_metrics(version, [{"name": name, "value": value} for name, value in metrics.items()], once=True)
    asked = submit_conditions(portal, version, rows, specify(rows), folder / design, once=True)[1]
    return portal.wait_for(asked)


def main() -> int:
    """Read the command line, train, try, and submit where that is wanted."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--design", choices=DESIGNS, default="plain")
    parser.add_argument("--submit", action="store_true", help="register the version at the portal and have it audited")
    parser.add_argument("--project", default="Clinical decision support")
    parser.add_argument("--folder", type=Path, default=Path("production-line"), help="where files are written")
    given = parser.parse_args()
    console = Console()
    training, test = read_parts()
    reader = DigitReader.train(training, given.design)
    reader.save(given.folder / given.design / "model.json")
    for role, parts in (("training", training), ("test", test)):
        write_parts(parts, given.folder / f"{role}.csv")
    rows = try_conditions(reader, test)
    shares = show(rows, console)
    metrics = given.folder / given.design / "metrics.json"
    metrics.write_text(json.dumps({SHOWN: shares["none"]}) + "\n", encoding="utf-8")
    paths = write_files(rows, given.folder / given.design, specify(rows))
    console.print(*(str(path) for path in paths), sep="\n", markup=False, highlight=False)
    if not given.submit:
        return 0
    try:
        with Client(os.environ["COUNTERSIGN_URL"], os.environ["COUNTERSIGN_TOKEN"]) as portal:
            project = portal.find_project(given.project)
            if project is None:
                raise CountersignError("no_project", None, f"You are in no project named “{given.project}”.")
            audit = submit(portal, project, given.design, rows, given.folder)
            version = portal.version(audit.version)
            console.print(gate_table(portal.gate(version), everything=False))
    except CountersignError as error:
        console.print(str(error), style="red", markup=False)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
