"""Files of weights -> parameters: safetensors, PyTorch's `.pth` without PyTorch, and NumPy's `.npz`.

Begin with `weights.load`, which fills the parameters of a model and uses every tensor exactly once. `tensors` opens a file
of any format and reads one tensor at a time; `torch_pickle` refuses pickles that hold programs. `naming` has the type of
the functions that map our tensor names to those of other libraries; each family has its own, ViT in `vit_names`.
"""
