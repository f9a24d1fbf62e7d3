"""Writes selfie_segmentation.safetensors from MediaPipe's selfie_segmentation.tflite.

    pip install numpy tflite
    python export_selfie.py selfie_segmentation.tflite selfie_segmentation.safetensors

Every value keeps the 16 bits it has in the .tflite; only axes are permuted, to PyTorch's order.
"""

import json
import sys

import tflite

SQUEEZED = [True, False, False, True, True, True, True, True]  # which encoder blocks have squeeze-excite
PARAMETERS = 106_401
METADATA = {
    "source": "MediaPipe Selfie Segmentation (general, 256x256) by Google: "
    "mediapipe 0.10.21, mediapipe/modules/selfie_segmentation/selfie_segmentation.tflite",
    "licence": "Apache-2.0",
    "changes": "tensors renamed, axes permuted to PyTorch's order, values untouched",
}


def layer_names():
    """The 55 layers with weights, in the order the .tflite runs them."""
    yield "stem"
    for i, squeezed in enumerate(SQUEEZED):
        yield from (f"encoder.{i}.expand", f"encoder.{i}.depthwise")
        if squeezed:
            yield from (f"encoder.{i}.squeeze.reduce", f"encoder.{i}.squeeze.expand")
        yield f"encoder.{i}.project"
    yield from ("context.value", "context.gate")
    for i in range(3):
        for layer in ("project", "squeeze.reduce", "squeeze.expand", "mix", "depthwise"):
            yield f"decoder.{i}.{layer}"
    yield "head"


# TFLite's axes -> PyTorch's axes
AXES = {
    "CONV_2D": (0, 3, 1, 2),  # [Cout, KH, KW, Cin] -> [Cout, Cin, KH, KW]
    "DEPTHWISE_CONV_2D": (3, 0, 1, 2),  # [1, KH, KW, C] -> [C, 1, KH, KW]
    "Convolution2DTransposeBias": (3, 0, 1, 2),  # [Cout, KH, KW, Cin] -> [Cin, Cout, KH, KW]
}


def layers(path):
    """(kind, kernel, bias) of every operator with weights, in order of execution."""
    model = tflite.Model.GetRootAsModel(open(path, "rb").read(), 0)
    graph = model.Subgraphs(0)
    kinds = {code: name for name, code in vars(tflite.BuiltinOperator).items() if isinstance(code, int)}
    operators = [graph.Operators(i) for i in range(graph.OperatorsLength())]

    def kind(operator):
        code = model.OperatorCodes(operator.OpcodeIndex())
        name = kinds[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        return code.CustomCode().decode() if name == "CUSTOM" else name

    stored = {op.Outputs(0): op.Inputs(0) for op in operators if kind(op) == "DEQUANTIZE"}

    def halves(index):
        tensor = graph.Tensors(stored[index])
        assert tensor.Type() == tflite.TensorType.FLOAT16, tensor.Name()
        return model.Buffers(tensor.Buffer()).DataAsNumpy().view("<f2").reshape(tensor.ShapeAsNumpy())

    for op in operators:
        if kind(op) in AXES:
            yield kind(op), halves(op.Inputs(1)), halves(op.Inputs(2))


def save(tensors, target):
    """The safetensors format by hand: the package shuffles the metadata, and an asset must be reproducible."""
    header, offset = {"__metadata__": METADATA}, 0
    for name, tensor in tensors.items():
        end = offset + tensor.nbytes
        header[name] = {"dtype": "F16", "shape": tensor.shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(target, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in tensors.values():
            file.write(tensor.astype("<f2").tobytes())


def main(source, target):
    tensors = {}
    for name, (kind, kernel, bias) in zip(layer_names(), layers(source), strict=True):
        tensors[f"{name}.weight"] = kernel.transpose(AXES[kind])
        tensors[f"{name}.bias"] = bias
        assert (kind == "DEPTHWISE_CONV_2D") == name.endswith("depthwise"), (name, kind)
    assert sum(t.size for t in tensors.values()) == PARAMETERS
    save(tensors, target)


if __name__ == "__main__":
    main(*sys.argv[1:])
