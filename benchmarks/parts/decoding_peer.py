"""Decode one prompt with onnxruntime-genai for every line of input; benchmarks.decoding runs it in that environment."""

import json
import sys
from time import perf_counter, process_time

import onnxruntime_genai as og


def main() -> None:
    wanted = json.loads(sys.argv[1])
    config = og.Config(wanted["folder"])
    config.clear_providers()
    if wanted["provider"] == "cuda":
        config.append_provider("cuda")
    config.overlay(json.dumps({"model": {"decoder": {"session_options": wanted["session"]}}}))
    model = og.Model(config)
    print("{}", flush=True)
    for _ in sys.stdin:
        one = decode(model, wanted, rows=1)
        five = decode(model, wanted, rows=wanted["rows"])
        found = {"one": one[0], "one, processor": one[1], "five": five[0], "five, processor": five[1], "whole": five[2]}
        print(json.dumps(found), flush=True)


def decode(model: og.Model, wanted: dict, *, rows: int) -> tuple[float, float, float]:
    """Milliseconds of a step after the first, CPU milliseconds of it, and milliseconds of the whole decoding."""
    parameters = og.GeneratorParams(model)
    longest = len(wanted["prompt"]) + wanted["tokens"] + 1
    # no end of text: every row draws all its tokens, as in our measurement
    parameters.set_search_options(batch_size=rows, max_length=longest, min_length=longest, do_sample=False)
    started = perf_counter()
    generator = og.Generator(model, parameters)
    generator.append_tokens([wanted["prompt"]] * rows if rows > 1 else wanted["prompt"])
    generator.generate_next_token()
    first, used = perf_counter(), process_time()
    for _ in range(wanted["tokens"]):
        generator.generate_next_token()
    ended, processor = perf_counter(), process_time() - used
    steps = wanted["tokens"] / 1e3
    return (ended - first) / steps, processor / steps, (ended - started) * 1e3


if __name__ == "__main__":
    main()
