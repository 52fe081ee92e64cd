"""`digit_scenes`, the embedded dataset: scenes of handwritten digits, labeled the way ImageNet was.

Begin with `digits`, which prepares the dataset; docs/digit_scenes.md describes it.
`scenes` composes and labels the scenes, `drawing` draws them, `true_crops` labels their crops.
One changed byte of a scene is a new version of the dataset.
"""
