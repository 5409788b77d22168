"""Trains the triage model and writes what the application needs into model/.

    model/model.onnx     the classifier; inputs `measurements` (float32, n x 30), outputs `label` and `probabilities`
    model/model.json     features, their training medians, classes, the threshold, and how well all this does
    model/held-out.json  the cases that training never saw, with the scores scikit-learn gives them

The same pinned versions on the same kind of machine write the same bytes.
"""

import json
import math
from pathlib import Path

import numpy as np
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_predict, train_test_split

VERSION = "1.0.0"
SEED = 7
FOLDS = 10
HELD_OUT_SHARE = 0.25
SENSITIVITY_MIN = 0.97
# The lowest log loss of six settings, cross-validated on the training cases; with the defaults the scores are so
# overconfident that the threshold falls to 0.009. The same folds then give the threshold, so the cross-validated
# figures are a little kind; neither choice looks at the held-out cases.
SETTINGS = {"subsample": 0.5, "max_features": "sqrt"}
BENIGN, MALIGNANT = 0, 1
CLASSES = ["benign", "malignant"]
OUT = Path(__file__).parent / "model"


def main() -> None:
    data = load_breast_cancer()
    # scikit-learn calls malignant 0. Here it is 1, so that column 1 of the probabilities is the score.
    labels = np.where(data.target_names[data.target] == "malignant", MALIGNANT, BENIGN)
    rows = np.arange(len(labels))
    train, held_out = train_test_split(rows, test_size=HELD_OUT_SHARE, stratify=labels, random_state=SEED)
    held_out.sort()

    classifier = GradientBoostingClassifier(**SETTINGS, random_state=SEED)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
    unseen = cross_val_predict(
        classifier, data.data[train], labels[train], cv=folds, method="predict_proba"
    )[:, MALIGNANT]
    threshold = threshold_for(unseen[labels[train] == MALIGNANT])

    classifier.fit(data.data[train], labels[train])
    scores = classifier.predict_proba(data.data[held_out])[:, MALIGNANT]

    OUT.mkdir(exist_ok=True)
    (OUT / "model.onnx").write_bytes(export(classifier, len(data.feature_names)))
    write_json(OUT / "model.json", {
        "name": "clinical-triage",
        "version": VERSION,
        "classes": CLASSES,
        "threshold": threshold,
        "crossValidation": {"folds": FOLDS, **figures(unseen, labels[train], threshold)},
        "heldOut": figures(scores, labels[held_out], threshold),
        "features": [
            {"name": str(name), "median": float(median)}
            for name, median in zip(data.feature_names, np.median(data.data[train], axis=0), strict=True)
        ],
    })
    write_json(OUT / "held-out.json", {
        "cases": [
            {
                "id": f"wdbc-{row:03d}",  # the row of the data set, so an id means the same case in every split
                "label": CLASSES[labels[row]],
                "score": float(score),
                "values": data.data[row].tolist(),
            }
            for row, score in zip(held_out, scores, strict=True)
        ],
    })


def threshold_for(malignant_scores: np.ndarray) -> float:
    """The highest threshold, in steps of 0.001, that still refers SENSITIVITY_MIN of the malignant cases.

    A missed tumour costs far more than a needless referral, so the usual 0.5 would be the wrong place to cut. The
    scores come from cross-validation: each is by a model that had not seen the case. Cutting on scores of the training
    itself, which are near 0 or 1, would promise a sensitivity that new cases do not show; cutting on the held-out cases
    would make their figures worthless.
    """
    highest_first = np.sort(malignant_scores)[::-1]
    must_refer = math.ceil(SENSITIVITY_MIN * len(highest_first))
    return math.floor(highest_first[must_refer - 1] * 1000) / 1000


def figures(scores: np.ndarray, labels: np.ndarray, threshold: float) -> dict[str, float]:
    referred = scores >= threshold
    malignant = labels == MALIGNANT
    return {
        "cases": len(labels),
        "malignantReferred": int(np.sum(malignant & referred)),
        "malignantMissed": int(np.sum(malignant & ~referred)),
        "benignReferred": int(np.sum(~malignant & referred)),
        "benignRoutine": int(np.sum(~malignant & ~referred)),
        "sensitivity": round(float(np.mean(referred[malignant])), 4),
        "specificity": round(float(np.mean(~referred[~malignant])), 4),
    }


def export(classifier: GradientBoostingClassifier, feature_count: int) -> bytes:
    # Without zipmap the probabilities are a plain tensor; with it they are a sequence of maps, which Node cannot read.
    model = to_onnx(
        classifier,
        initial_types=[("measurements", FloatTensorType([None, feature_count]))],
        options={"zipmap": False},
        name="clinical-triage",  # the default is a random one
        target_opset={"": 18, "ai.onnx.ml": 3},
    )
    model.opset_import.sort(key=lambda opset: opset.domain)  # they come out of a set, in another order on each run
    return model.SerializeToString(deterministic=True)


def write_json(path: Path, value: dict[str, object]) -> None:
    """One line for each field, and for each entry of an array of objects: small, and its diffs can be read."""
    def text(field: object) -> str:
        if isinstance(field, list) and isinstance(field[0], dict):
            return "[\n" + ",\n".join(f"    {json.dumps(entry)}" for entry in field) + "\n  ]"
        return json.dumps(field)

    fields = ",\n".join(f"  {json.dumps(name)}: {text(field)}" for name, field in value.items())
    path.write_text(f"{{\n{fields}\n}}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
