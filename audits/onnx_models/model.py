"""An ONNX model, checked before it is run: what it may be made of, and what it answers.

Only the sandbox may open one: the parsers of this format have had holes of their own. Nothing beside the file is
read (tensors kept elsewhere are refused), no code of anybody's is called, and loops, branches and local functions are
not part of what is allowed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audits.errors import BadInput

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAXIMUM_BYTES = 32 << 20
MAXIMUM_NODES = 10_000
OPSETS = {"": range(7, 23), "ai.onnx.ml": range(1, 6)}
OPERATORS = {
    "": frozenset(
        {
            *("Abs", "Add", "And", "ArgMax", "ArgMin", "BatchNormalization", "Cast", "Clip", "Concat", "Constant"),
            *("Div", "Dropout", "Elu", "Equal", "Erf", "Exp", "Flatten", "Gather", "Gelu", "Gemm", "Greater"),
            *("GreaterOrEqual", "HardSigmoid", "Identity", "LeakyRelu", "Less", "LessOrEqual", "Log", "LogSoftmax"),
            *("MatMul", "Max", "Mean", "Min", "Mul", "Neg", "Not", "Or", "PRelu", "Pow", "Reciprocal", "ReduceMax"),
            *("ReduceMean", "ReduceMin", "ReduceSum", "Relu", "Reshape", "Selu", "Sigmoid", "Sign", "Slice"),
            *("Softmax", "Softplus", "Sqrt", "Squeeze", "Sub", "Sum", "Tanh", "Transpose", "Unsqueeze", "Where"),
        }
    ),
    "ai.onnx.ml": frozenset(
        {
            *("ArrayFeatureExtractor", "Binarizer", "FeatureVectorizer", "Imputer", "LinearClassifier"),
            *("LinearRegressor", "Normalizer", "Scaler", "SVMClassifier", "SVMRegressor", "TreeEnsembleClassifier"),
            *("TreeEnsembleRegressor",),
        }
    ),
}
FLOAT, DOUBLE = 1, 11
THREADS = 2


@dataclass(frozen=True, eq=False)
class OnnxModel:
    """A checked model that can be asked. `answer` maps (rows, features) to one number per row."""

    sha256: str
    nodes: int
    opsets: dict[str, int]
    operators: tuple[str, ...]
    output: str
    output_column: int
    session: Any
    number_type: type[np.float32] | type[np.float64]

    def answer(self, table: NDArray[Any]) -> NDArray[np.float64]:
        """Ask the model. Raises BadInput where it answers anything but finite numbers, one row each."""
        import numpy as np

        given = {self.session.get_inputs()[0].name: np.ascontiguousarray(table, dtype=self.number_type)}
        try:
            (found,) = self.session.run([self.output], given)
        except _list_errors() as error:
            raise BadInput(f"the model cannot be run on these rows: {str(error)[:200]}") from None
        found = np.asarray(found, dtype=np.float64).reshape(len(table), -1)
        if not -found.shape[1] <= self.output_column < found.shape[1]:
            raise BadInput(f"the output {self.output!r} has {found.shape[1]} columns", column="output_column")
        numbers: NDArray[np.float64] = found[:, self.output_column]
        if not np.isfinite(numbers).all():
            raise BadInput(f"the model answers {numbers[~np.isfinite(numbers)][0]} for some rows")
        return numbers


def read_model(path: Path, features: int, output: str | None, output_column: int | None) -> OnnxModel:
    """Check a model and make it ready to be asked.

    Raises
    ------
    BadInput
        Naming the limit, the operator or the tensor.
    """
    content = path.read_bytes()
    if len(content) > MAXIMUM_BYTES:
        raise BadInput(f"the ONNX model is larger than {MAXIMUM_BYTES >> 20} MiB")
    document = _parse(content)
    opsets = _check_opsets(document)
    operators = _check_graph(document.graph)
    number_type = _check_input(document.graph, features)
    session = _start(content)
    names = [found.name for found in session.get_outputs() if found.type in ("tensor(float)", "tensor(double)")]
    if not names:
        raise BadInput("the model has no output of numbers; export a classifier without ZipMap (zipmap=False)")
    if output is not None and output not in names:
        raise BadInput(f"the model has no output of numbers {output!r}; it has {', '.join(names)}", column="output")
    return OnnxModel(
        sha256=hashlib.sha256(content).hexdigest(),
        nodes=len(document.graph.node),
        opsets=opsets,
        operators=operators,
        output=output or names[-1],
        output_column=-1 if output_column is None else output_column,
        session=session,
        number_type=number_type,
    )


def _parse(content: bytes) -> Any:
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    document = onnx.ModelProto()
    try:
        document.ParseFromString(content)
    except DecodeError:
        raise BadInput("the file is not an ONNX model") from None
    if not document.graph.node:
        raise BadInput("the file is not an ONNX model: it has no operators")
    if document.functions or document.training_info:
        raise BadInput("the model brings functions or training of its own; export it for inference, without them")
    return document


def _check_opsets(document: Any) -> dict[str, int]:
    found = {part.domain: int(part.version) for part in document.opset_import}
    for domain, version in found.items():
        if domain not in OPSETS or version not in OPSETS[domain]:
            allowed = ", ".join(f"{name or 'ai.onnx'} {known[0]} to {known[-1]}" for name, known in OPSETS.items())
            raise BadInput(f"operator set {domain or 'ai.onnx'} {version} is not allowed; allowed are {allowed}")
    return found


def _check_graph(graph: Any) -> tuple[str, ...]:
    """Return the operators used, all of them allowed; nothing is kept outside the file."""
    if len(graph.node) > MAXIMUM_NODES:
        raise BadInput(f"the model has {len(graph.node):,} operators, at most {MAXIMUM_NODES:,} are run")
    for tensor in graph.initializer:
        _check_tensor(tensor)
    if graph.sparse_initializer:
        raise BadInput("the model has sparse tensors, which are not read")
    used = set()
    for node in graph.node:
        if node.op_type not in OPERATORS.get(node.domain, ()):
            raise BadInput(f"the operator {node.domain or 'ai.onnx'}.{node.op_type} is not allowed")
        used.add(node.op_type)
        _check_attributes(node)
    return tuple(sorted(used))


def _check_attributes(node: Any) -> None:
    for attribute in node.attribute:
        if attribute.HasField("g") or attribute.graphs or attribute.HasField("sparse_tensor"):
            raise BadInput(f"the operator {node.op_type} holds a graph or a sparse tensor, which is not allowed")
        for tensor in (attribute.t, *attribute.tensors):
            _check_tensor(tensor)


def _check_tensor(tensor: Any) -> None:
    if tensor.external_data or tensor.data_location:
        raise BadInput(f"the tensor {tensor.name[:60]!r} is kept outside the file; export the model as one file")


def _check_input(graph: Any, features: int) -> type[np.float32] | type[np.float64]:
    """Return the numbers it takes: one input, one row per person, one column per feature."""
    import numpy as np

    constants = {tensor.name for tensor in graph.initializer}
    inputs = [found for found in graph.input if found.name not in constants]
    if len(inputs) != 1:
        raise BadInput(f"the model has {len(inputs)} inputs; one matrix of numbers, rows by features, is asked for")
    tensor = inputs[0].type.tensor_type
    if tensor.elem_type not in (FLOAT, DOUBLE) or len(tensor.shape.dim) != 2:
        raise BadInput("the model's input must be a matrix of floating-point numbers, rows by features")
    width = tensor.shape.dim[1].dim_value
    if width and width != features:
        raise BadInput(f"the model takes {width} features, the specification names {features}", column="features")
    return np.float64 if tensor.elem_type == DOUBLE else np.float32


def _start(content: bytes) -> Any:
    import onnxruntime  # type: ignore[import-untyped]

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except _list_errors() as error:
        raise BadInput(f"the ONNX model cannot be run: {str(error)[:200]}") from None


def _list_errors() -> tuple[type[Exception], ...]:
    """What onnxruntime raises about a model or its input; its errors have no parent of their own."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state  # type: ignore[import-untyped]

    names = ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NotImplemented", "RuntimeException")
    return (ValueError, *(getattr(state, name) for name in names))
