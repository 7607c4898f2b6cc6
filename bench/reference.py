#!/usr/bin/env python3
"""Holds the MiniLM encoder against a forward pass of its own in NumPy.

usage: reference.py BENCH_ENCODE MODEL TEXTS

BENCH_ENCODE is the program of bench/encode.cpp, MODEL the model's directory,
TEXTS a file with one text a line. Token numbers come from Hugging Face's
tokenizers, everything else is computed in 64-bit floats. Prints the smallest
and the mean cosine for fp32 and int8; ends with 1 where one is below 0.9999
or 0.99.

Needs numpy, safetensors and tokenizers from PyPI.
"""
import math
import subprocess
import sys

import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer

HEADS, LAYERS, MAX_TOKENS = 12, 6, 256
WANTED = {"fp32": 0.9999, "int8": 0.99}


class Bert:
    def __init__(self, path):
        self.weights = {
            name.removeprefix("bert."): tensor.astype(np.float64)
            for name, tensor in load_file(path + "/model.safetensors").items()}
        self.tokenizer = Tokenizer.from_file(path + "/tokenizer.json")
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(MAX_TOKENS)

    def linear(self, x, name):
        return x @ self.weights[name + ".weight"].T + self.weights[name + ".bias"]

    def norm(self, x, name):
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x ** 2).mean(-1, keepdims=True) + 1e-12)
        return x * self.weights[name + ".weight"] + self.weights[name + ".bias"]

    def attention(self, x, name):
        n, width = x.shape
        q, k, v = (self.linear(x, f"{name}.self.{part}")
                   .reshape(n, HEADS, width // HEADS).transpose(1, 0, 2)
                   for part in ("query", "key", "value"))
        scores = q @ k.transpose(0, 2, 1) / math.sqrt(width // HEADS)
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = (scores / scores.sum(-1, keepdims=True)) @ v
        mixed = mixed.transpose(1, 0, 2).reshape(n, width)
        return self.norm(self.linear(mixed, name + ".output.dense") + x,
                         name + ".output.LayerNorm")

    def encode(self, text):
        ids = self.tokenizer.encode(text).ids
        table = "embeddings.{}_embeddings.weight".format
        x = (self.weights[table("word")][ids]
             + self.weights[table("position")][:len(ids)]
             + self.weights[table("token_type")][0])
        x = self.norm(x, "embeddings.LayerNorm")
        for layer in range(LAYERS):
            name = f"encoder.layer.{layer}"
            x = self.attention(x, name + ".attention")
            inner = self.linear(x, name + ".intermediate.dense")
            inner = inner * 0.5 * (1 + np.vectorize(math.erf)(
                inner / math.sqrt(2)))
            x = self.norm(self.linear(inner, name + ".output.dense") + x,
                          name + ".output.LayerNorm")
        mean = x.mean(0)
        return mean / np.linalg.norm(mean)


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    program, model, file = sys.argv[1:]
    with open(file, "rb") as texts:
        raw = texts.read()
    bert = Bert(model)
    wanted = np.array([bert.encode(line)
                       for line in raw.decode().split("\n")[:-1]])
    failed = False
    for precision, least in WANTED.items():
        out = subprocess.run([program, model, precision], input=raw,
                             stdout=subprocess.PIPE, check=True).stdout
        found = np.frombuffer(out, np.float32).reshape(wanted.shape)
        cosine = (found * wanted).sum(1) / np.linalg.norm(found, axis=1)
        print(f"{precision}: {len(cosine)} texts, cosine at least"
              f" {cosine.min():.6f}, mean {cosine.mean():.6f}")
        failed |= bool(cosine.min() < least)
    sys.exit(failed)


if __name__ == "__main__":
    main()
