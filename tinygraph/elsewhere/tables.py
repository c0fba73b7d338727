"""Tables: by a name of PyTorch, Keras, JAX or autograd the code that does the same here.

The code works as it stands, on arrays and Tensors t, u and x, a model and an optimiser.
"""

from __future__ import annotations

_LOOP = "optimizer.zero_grad(); loss.backward(); optimizer.step()"
_SAVE = 'tg.nn.save_weights(model, "model.safetensors")'
_LOAD = 'tg.nn.load_weights(model, "model.safetensors")'
_CONV1D = "tg.conv2d(x[:, None], kernel[None])[:, 0]"

OF_TINYGRAPH = {
    **dict.fromkeys(
        ("tensor", "array", "asarray", "as_tensor", "from_numpy", "Variable", "variable", "Parameter"),
        "tg.Tensor(values)",
    ),
    "Value": "tg.Tensor(3.0)",
    **dict.fromkeys(("draw_dot", "make_dot"), "tg.draw(loss)"),
    "autograd": "tg.grad(f)(values)",
    "utils": "tg.data.batches(x, labels, size=32, shuffle=True)",
    **dict.fromkeys(("constant", "convert_to_tensor"), "tg.Tensor(values, requires_grad=False)"),
    **{f"reduce_{name}": f"np.{name}(t)" for name in ("sum", "mean", "max", "min", "prod", "all", "any")},
    "cast": "t.astype(np.float32)",
    "clip_by_value": "np.clip(t, low, high)",
    "gather": "t[places]",
    "math": "np.exp(t)",
    "range": "np.arange(n)",
    "zeros": "tg.Tensor(np.zeros(shape))",
    "ones": "tg.Tensor(np.ones(shape))",
    "full": "tg.Tensor(np.full(shape, 2.0))",
    "eye": "tg.Tensor(np.eye(3))",
    **dict.fromkeys(("randn", "normal"), "tg.Tensor(np.random.default_rng().normal(size=shape))"),
    **dict.fromkeys(("rand", "uniform"), "tg.Tensor(np.random.default_rng().uniform(size=shape))"),
    "cat": "np.concatenate([t, u])",
    **dict.fromkeys(("mm", "bmm"), "t @ u"),
    "erf": "scipy.special.erf(t)",
    "lgamma": "scipy.special.gammaln(t)",
    "digamma": "scipy.special.digamma(t)",
    "swish": "tg.silu(t)",
    "hardtanh": "tg.nn.activations.hard_tanh(t)",
    **{name: f"tg.nn.activations.{name}(t)" for name in ("celu", "mish", "relu6", "selu", "softsign", "hard_sigmoid")},
    "logit": "np.log(p / (1 - p))",
    "dropout": "tg.nn.Dropout(0.5)(x)",
    "linear": "x @ kernel + bias",
    **dict.fromkeys(("conv1d", "Conv1d"), _CONV1D),
    **dict.fromkeys(("GradientTape", "value_and_gradient", "grad_and_value"), "tg.value_and_grad(f)(values)"),
    **dict.fromkeys(("gradient", "gradients", "func"), "tg.grad(f)(values)"),
    "elementwise_grad": "tg.grad(lambda v: np.sum(f(v)))(values)",
    **dict.fromkeys(("jacrev", "jacfwd", "holomorphic_grad"), "tg.jacobian(f)(values)"),
    "linearize": "tg.jvp(f, (values,), (values,))",
    "make_jaxpr": "tg.trace(f, values)",
    "make_hvp": "tg.hvp(f)(values, values)",
    **dict.fromkeys(
        ("lax", "scan", "fori_loop", "while_loop"),
        "tg.compile(f), as a loop of Python is recorded, and compiled to a loop",
    ),
    "cond": "np.where(condition, t, u)",
    **dict.fromkeys(("tree_map", "tree", "tree_util"), "{key: np.exp(value) for key, value in {'w': t}.items()}"),
    **dict.fromkeys(("is_tensor", "isinstance"), "isinstance(t, tg.Tensor)"),
    "block_until_ready": "t, as each call has its result when it returns",
    "device_put": "tg.Tensor(values), as all arrays are in the memory of the processor",
    **dict.fromkeys(("jit", "function"), "tg.compile(f)"),
    "vmap": "np.stack([f(row) for row in x])",
    "pmap": "np.stack([f(row) for row in x])",
    "stop_gradient": "t.detach()",
    **dict.fromkeys(("nograd", "inference_mode", "set_grad_enabled"), "tg.no_grad()"),
    **dict.fromkeys(("custom_vjp", "custom_jvp", "custom_gradient", "Function"), "tg.primitive(f)"),
    **dict.fromkeys(("remat", "recompute"), "tg.checkpoint(f)"),
    **dict.fromkeys(("mse_loss", "mean_squared_error", "mse"), "np.mean((t - u) ** 2)"),
    **dict.fromkeys(("l1_loss", "mean_absolute_error", "mae"), "np.mean(np.abs(t - u))"),
    **dict.fromkeys(
        ("binary_cross_entropy_with_logits", "bce_with_logits"), "tg.binary_cross_entropy(t, y, from_logits=True)"
    ),
    **dict.fromkeys(("categorical_crossentropy", "sparse_categorical_crossentropy"), "tg.cross_entropy(p, labels)"),
    "binary_crossentropy": "tg.binary_cross_entropy(p, y)",
    **dict.fromkeys(("manual_seed", "set_seed", "seed", "random"), "tg.nn.set_seed(0)"),
    "save": _SAVE,
    "load": _LOAD,
    "layers": "tg.nn",
    **dict.fromkeys(("optimizers", "optimisers"), "tg.optim"),
    "losses": "tg.training.losses",
    "metrics": "tg.training.metrics",
    "activations": "tg.relu(t)",
    "functional": "tg.relu(t)",
    "float32": "np.float32",
    "float64": "np.float64",
    "int64": "np.int64",
    "long": "np.int64",
    **dict.fromkeys(("cuda", "device"), "np.asarray(values), as all arrays are in the memory of the processor"),
}

OF_NN = {
    "Linear": "tg.nn.Dense(3)",
    "LazyLinear": "tg.nn.Dense(3)",
    **dict.fromkeys(("SmoothL1Loss", "HuberLoss"), "tg.training.losses.huber(y, p)"),
    "KLDivLoss": "tg.training.losses.kl_divergence(y, p)",
    "CosineSimilarity": "-tg.training.losses.cosine_similarity(y, p)",
    **{
        theirs: f"tg.nn.activations.{ours}"
        for theirs, ours in (
            ("CELU", "celu"), ("Hardsigmoid", "hard_sigmoid"), ("Hardswish", "hard_silu"), ("Hardtanh", "hard_tanh"),
            ("LogSigmoid", "log_sigmoid"), ("Mish", "mish"), ("ReLU6", "relu6"), ("SELU", "selu"),
            ("Softsign", "softsign"), ("Tanhshrink", "tanh_shrink"),
        )
    },
    "GELU": "tg.gelu",
    "SiLU": "tg.silu",
    "Softplus": "tg.softplus",
    "Sigmoid": "tg.sigmoid",
    "LogSoftmax": "tg.log_softmax",
    "Tanh": "np.tanh",
    **dict.fromkeys(("Parameter", "Variable"), "tg.Tensor(values)"),
    **dict.fromkeys(("ModuleList", "ModuleDict", "ParameterList"), "[tg.nn.Dense(3), tg.nn.Dense(2)]"),
    **dict.fromkeys(("MSELoss", "MeanSquaredError"), "np.mean((t - u) ** 2)"),
    **dict.fromkeys(("L1Loss", "MeanAbsoluteError"), "np.mean(np.abs(t - u))"),
    "CrossEntropyLoss": "tg.cross_entropy(x, labels, from_logits=True)",
    "NLLLoss": "-np.mean(x[range(len(x)), labels])",
    "BCELoss": "tg.binary_cross_entropy(p, y)",
    "BCEWithLogitsLoss": "tg.binary_cross_entropy(t, y, from_logits=True)",
    **dict.fromkeys(("Conv1d", "Convolution1D"), 'tg.nn.Conv1D(16, 3, padding="same")'),
    **dict.fromkeys(("Conv2d", "Convolution2D"), 'tg.nn.Conv2D(16, 3, padding="same")'),
    **dict.fromkeys(("ConvTranspose2d", "Convolution2DTranspose"), "tg.nn.Conv2DTranspose(16, 3, strides=2)"),
    "SeparableConvolution2D": "tg.nn.SeparableConv2D(16, 3)",
    "Conv3d": 'tg.nn.Conv3D(16, 3, padding="same")',
    "ConvTranspose1d": "tg.nn.Conv1DTranspose(16, 3, strides=2)",
    "ConvTranspose3d": "tg.nn.Conv3DTranspose(16, 3, strides=2)",
    **dict.fromkeys(("MaxPool3d", "MaxPool3D"), "tg.nn.MaxPooling3D(2)"),
    **dict.fromkeys(("AvgPool3d", "AvgPool3D"), "tg.nn.AveragePooling3D(2)"),
    **dict.fromkeys(("MaxPool1d", "MaxPool1D"), "tg.nn.MaxPooling1D(2)"),
    **dict.fromkeys(("MaxPool2d", "MaxPool2D"), "tg.nn.MaxPooling2D(2)"),
    **dict.fromkeys(("AvgPool1d", "AvgPool1D"), "tg.nn.AveragePooling1D(2)"),
    **dict.fromkeys(("AvgPool2d", "AvgPool2D"), "tg.nn.AveragePooling2D(2)"),
    **dict.fromkeys(("AdaptiveAvgPool1d", "GlobalAvgPool1D"), "tg.nn.GlobalAveragePooling1D()"),
    **dict.fromkeys(("AdaptiveAvgPool2d", "GlobalAvgPool2D"), "tg.nn.GlobalAveragePooling2D()"),
    **dict.fromkeys(("AdaptiveMaxPool1d", "GlobalMaxPool1D"), "tg.nn.GlobalMaxPooling1D()"),
    **dict.fromkeys(("AdaptiveMaxPool2d", "GlobalMaxPool2D"), "tg.nn.GlobalMaxPooling2D()"),
    **dict.fromkeys(("BatchNorm1d", "BatchNorm2d"), "tg.nn.BatchNormalization()"),
    "LayerNorm": "tg.nn.LayerNormalization()",
    "RMSNorm": "tg.nn.RMSNormalization()",
    "GroupNorm": "tg.nn.GroupNormalization(4)",
    **dict.fromkeys(("InstanceNorm1d", "InstanceNorm2d"), "tg.nn.GroupNormalization(-1)"),
    "MultiheadAttention": "tg.nn.MultiHeadAttention(2, 16)",
    **dict.fromkeys(("Dropout1d", "Dropout2d"), "tg.nn.SpatialDropout2D(0.5)"),
    "Unflatten": "tg.nn.Reshape((-1, 1))",
    **dict.fromkeys(("Upsample", "UpsamplingNearest2d"), "tg.nn.UpSampling2D(2)"),
    "ZeroPad2d": "tg.nn.ZeroPadding2D(1)",
    "functional": "tg.relu(t)",
    "init": 'tg.nn.Dense(3, kernel_initializer="he_normal")',
    "utils": "tg.optim.Adam(parameters, global_clipnorm=1.0)",
    "RNNCell": "tg.nn.SimpleRNNCell(32)",
    **dict.fromkeys(
        ("Resizing", "CenterCrop", "RandomCrop"),
        "a class of your own, class Own(tg.nn.Layer), with a method call; scipy.ndimage turns and stretches images",
    ),
    # Layers that tinygraph does not have are a Module of your own.
    **dict.fromkeys(
        ("Transformer", "TransformerEncoderLayer"),
        "a class of your own, class Own(tg.nn.Module), with a method call",
    ),
}  # fmt: skip

OF_OPTIM = {
    "RMSProp": "tg.optim.RMSprop(parameters)",
    **dict.fromkeys(("ExponentialLR", "lr_scheduler"), "tg.optim.ExponentialDecay(0.1, 1000, 0.9)"),
    "CosineAnnealingLR": "tg.optim.CosineDecay(0.1, 1000)",
    "CosineAnnealingWarmRestarts": "tg.optim.CosineDecayRestarts(0.1, 1000)",
    "OneCycleLR": "tg.optim.OneCycle(0.1, 1000)",
    "PolynomialLR": "tg.optim.PolynomialDecay(0.1, 1000, 0.0)",
    "LinearLR": "tg.optim.WarmUp(0.1, 1000)",
    "StepLR": "tg.optim.StepDecay(0.1, 1000, 0.5)",
    "MultiStepLR": "tg.optim.PiecewiseConstant([1000], [0.1, 0.01])",
    "LambdaLR": "tg.optim.Adam(parameters, lambda steps: 0.1 / (1 + steps))",
    "LBFGS": 'scipy.optimize.minimize(tg.value_and_grad(f), values, jac=True, method="L-BFGS-B")',
    **dict.fromkeys(
        ("Rprop", "Adafactor", "Lamb", "Muon", "NAdam", "RAdam", "ASGD"),
        "a class of your own, class Own(tg.optim.Optimizer), with moments and a method move",
    ),
}

OF_KERAS = {
    "applications": "a class of your own, class Own(tg.nn.Model): tinygraph has no trained networks",
    "wrappers": "tg.sklearn.MLPClassifier((32,))",
    "mixed_precision": 'tg.nn.set_floatx("float32")',
    "name_scope": 'tg.scope("part")',
    "GradientTape": "tg.value_and_grad(f)(values)",
    "schedules": "tg.keras.optimizers.schedules",
}

OF_KERAS_OPS = {
    **{f"reduce_{name}": f"tg.keras.ops.{name}(t)" for name in ("sum", "mean", "max", "min", "prod", "all", "any")},
    "concat": "tg.keras.ops.concatenate([t, u])",
    "gather": "tg.keras.ops.take(t, places, axis=0)",
    "custom_gradient": "tg.primitive(f)",
    "associative_scan": "np.cumsum(t)",
}

# Keras knows these names in `compile(loss=...)`.
OF_KERAS_LOSSES = {
    short: f"tg.keras.losses.{name}(y, p)"
    for name, shorts in (
        ("mean_squared_error", ("mse", "MSE")),
        ("mean_absolute_error", ("mae", "MAE")),
        ("binary_crossentropy", ("bce", "BCE")),
        ("kl_divergence", ("kld", "KLD")),
    )
    for short in shorts
}

OF_KERAS_CALLBACKS = {
    "ProgbarLogger": "dict(verbose=1), as arguments of model.fit",
    "RemoteMonitor": "tg.training.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs))",
    "SwapEMAWeights": "tg.optim.Adam(0.001, use_ema=True)",
    "OrbaxCheckpoint": 'tg.training.callbacks.ModelCheckpoint("model.safetensors")',
}

OF_KERAS_UTILS = {
    "image_dataset_from_directory": 'tg.data.image_folder("photos", size=(32, 32))',
    "load_img": 'tg.data.load_image("photos/cats/1.png")',
    "model_to_dot": "model.draw()",
    "np_utils": "tg.keras.utils.to_categorical(labels)",
    "split_dataset": "np.split(x, [n])",
}

OF_DATA = {
    **dict.fromkeys(("DataLoader", "Dataset", "TensorDataset"), "tg.data.batches(x, labels, size=32, shuffle=True)"),
    **dict.fromkeys(("random_split", "train_test_split"), "np.split(np.random.default_rng().permutation(len(x)), [n])"),
}

OF_DRAWING = {
    **dict.fromkeys(("view", "render", "write", "savefig"), 'drawing.save("graph.svg")'),
    **dict.fromkeys(("show", "display", "open"), "drawing.interactive()"),
    "pipe": "drawing.svg()",
    "write_png": 'drawing.save("graph.png")',
}

OF_OPTIMIZER = {
    "lr": "optimizer.learning_rate",
    "param_groups": "optimizer.groups",
    "trainable_variables": "optimizer.parameters",
    "exclude_from_weight_decay": 'tg.optim.AdamW([{"params": parameters, "weight_decay": 0.0}])',
    **dict.fromkeys(("minimize", "update"), _LOOP),
}

OF_MODULE = {
    **dict.fromkeys(("forward", "predict"), "model(x)"),
    **dict.fromkeys(("fit", "train_on_batch", "compile"), _LOOP),
    "evaluate": "tg.cross_entropy(model(x), labels, from_logits=True)",
    **dict.fromkeys(("children", "named_children", "named_modules", "submodules"), "model.modules()"),
    **dict.fromkeys(("save", "save_weights"), _SAVE),
    **dict.fromkeys(("load", "load_weights"), _LOAD),
    "register_parameter": "model.scale = tg.Tensor(values)",
    "register_buffer": "model.scale = tg.Tensor(values, requires_grad=False)",
    **dict.fromkeys(("add_module", "register_module"), "model.head = tg.nn.Dense(3)"),
    "add_weight": 'a class of your own of tg.nn.Layer, whose `build` has self.w = self.weight("w", shape, "zeros")',
    "append": "model.add(tg.nn.Dense(3))",
    "predict_classes": "np.argmax(model.predict(x), axis=-1)",
    "predict_proba": "model.predict(x)",
    "named_buffers": "model.tensors()",
    "buffers": "model.tensors()",
    "requires_grad_": "[setattr(p, 'requires_grad', False) for p in model.parameters()]",
    **dict.fromkeys(
        ("to", "cuda", "cpu", "half", "float", "double"),
        "tg.nn.Dense(3, dtype=np.float32), as all arrays are in the memory of the processor",
    ),
}

OF_TENSOR = {
    **dict.fromkeys(("view", "view_as"), "t.reshape(shape)"),
    "unsqueeze": "np.expand_dims(t, axis)",
    "permute": "t.transpose(axes)",
    "t": "t.T",
    **dict.fromkeys(("expand", "expand_as"), "np.broadcast_to(t, shape)"),
    "cat": "np.concatenate([t, u])",
    **dict.fromkeys(("mm", "mv", "bmm", "matmul"), "t @ u"),
    "pow": "t ** n",
    "where": "np.where(condition, t, u)",
    "gather": "np.take_along_axis(t, places, axis=axis)",
    "index_select": "np.take(t, places, axis=axis)",
    "masked_select": "t[condition]",
    **dict.fromkeys(("masked_fill", "masked_fill_"), "np.where(condition, value, t)"),
    **dict.fromkeys(
        ("scatter_", "scatter_add_", "scatter_add", "index_add_", "index_add"),
        "t + np.bincount(places, u, minlength=len(t))",
    ),
    "chunk": "np.array_split(t, n)",
    "split": "np.split(t, range(n, len(t), n))",
    "topk": "np.sort(t)[::-1][:n]",
    "unbind": "list(t)",
    "eq": "t == u",
    "ne": "t != u",
    "gt": "t > u",
    "ge": "t >= u",
    "lt": "t < u",
    "le": "t <= u",
    "add": "t + u",
    "sub": "t - u",
    "mul": "t * u",
    "div": "t / u",
    "neg": "-t",
    "append": "np.append(t, 1.0)",
    "numel": "t.size",
    "dim": "t.ndim",
    "values": "t.data",
    "backwards": "loss.backward()",
    "gradient": "t.grad",
    **dict.fromkeys(("zero_grad", "zero_", "null_grad"), "t.grad = None"),
    **dict.fromkeys(("clone", "contiguous"), "t.copy()"),
    **dict.fromkeys(("cpu", "cuda"), "t, as all arrays are in the memory of the processor"),
    **dict.fromkeys(("type", "float"), "t.astype(np.float32)"),
    "to": "t.astype(np.float32), as all arrays are in the memory of the processor",
    "is_cuda": "t.device",
    "block_until_ready": "t, as each call has its result when it returns",
    "narrow": "t[:n]",
    "at": "y = np.copy(t); y[0] = value",
    "stop_gradient": "t.detach()",
    "to_numpy": "t.numpy()",
    "type_as": "t.astype(u.dtype)",
    "erf": "scipy.special.erf(t)",
    "rsqrt": "1 / np.sqrt(t)",
    "lerp": "t + value * (u - t)",
    "movedim": "np.moveaxis(t, axis, -1)",
    "nelement": "t.size",
    "element_size": "t.data.itemsize",
    "new_zeros": "np.zeros(shape, like=t)",
    "new_ones": "np.ones(shape, like=t)",
    "double": "t.astype(np.float64)",
    "half": "t.astype(np.float16)",
    **dict.fromkeys(("int", "long"), "t.astype(int)"),
    "bool": "t != 0",
    "requires_grad_": "t.requires_grad = True, with False for a constant",
    "detach_": "t.detach()",
    "retain_grad": "loss.backward(retain_graph=True)",
    "grad_fn": "tg.Graph.of(loss)",
    "register_hook": "tg.explain(t, loss)",
    "add_": "t.assign_add(value)",
    "sub_": "t.assign_sub(value)",
    "mul_": "t.assign(t.data * value)",
    "div_": "t.assign(t.data / value)",
    **dict.fromkeys(("copy_", "set_"), "t.assign(u.data)"),
    "fill_": "t.assign(np.full(t.shape, value))",
    "clamp_": "t.assign(np.clip(t.data, low, high))",
    "normal_": "t.assign(np.random.default_rng().normal(size=t.shape))",
    "uniform_": "t.assign(np.random.default_rng().uniform(size=t.shape))",
    "clamp": "np.clip(t, low, high)",
    "norm": "np.linalg.norm(t)",
    **dict.fromkeys(("inv", "inverse"), "np.linalg.inv(a)"),
    "det": "np.linalg.det(a)",
}
