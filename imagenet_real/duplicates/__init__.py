"""Near-duplicates: images of one set that also appear in another, such as validation images in a training set.

Begin with `search`, which finds the nearest image of the other set for each image.
`fingerprints` and `embeddings` describe images, `nearest` compares them, `candidates` turns results into pairs.
"""
