"""Embed the names of classes with the text tower of CLIP or SigLIP, as a head for images: a zero-shot classifier.

    imagenet-real class_embeddings --model=vit_base_patch16_siglip_224 --weights=FILE --tokenizer=tokenizer.json \\
        --class_names=names.txt --prompts=prompts.txt --workdir=runs/names
    imagenet-real evaluate --model=vit_base_patch16_siglip_224 --weights=FILE --head=runs/names/class_embeddings.npz ...

Expected: the logits of transformers and OpenCLIP. Measured: tests/reference/test_zero_shot_parity.py, within 1e-4.
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    return ConfigDict(
        {
            "program": "class_embeddings",  # a file of imagenet_real/programs
            "model": "vit_base_patch16_siglip_224",  # its image tower; CLIP's and SigLIP's texts differ
            "weights": "",  # the file of the whole model, with both towers, or hf_hub:ORG/NAME@REVISION
            "tokenizer": "",  # the model's tokenizer.json, or SentencePiece's .model file
            "class_names": "",  # a text file with one name per line, in the order of the classes
            "prompts": "",  # a text file with one prompt per line, such as "a photo of a {}."; empty: the name alone
            "cleaning": "",  # of texts: lower (CLIP), canonicalize (SigLIP: also no punctuation); empty: the model's
            "normalize_prompts": True,  # divide each text by its length before the mean over prompts
            "text_heads": 0,  # attention heads of the text tower; 0: by its width
            "format": "table",  # of the output: table, or json, one row per line
        }
    )
