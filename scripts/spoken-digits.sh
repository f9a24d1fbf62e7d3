#!/usr/bin/env bash
# Writes recordings of people who say three to five digits to target/spoken-digits, by Flite's voices, which were made of real ones, and eSpeak's,
# which were not: a recording, a tab and its phones on each line of train.tsv, of test.tsv, and of strangers.tsv, three voices that nothing
# is learnt from.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${CARGO_TARGET_DIR:-target}/spoken-digits
version="1 $(cksum < scripts/spoken-digits.sh)"
[ "$(cat "$folder/version" 2>/dev/null)" = "$version" ] && exit 0
if ! { command -v flite && command -v espeak-ng && command -v python3; } >/dev/null; then
    echo "== Spoken digits: installing Flite and eSpeak NG"
    as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends flite espeak-ng python3 >/dev/null
fi
echo "== Spoken digits: recording"
rm -rf "$folder"
mkdir -p "$folder"
python3 - "$folder" <<'PY'
import concurrent.futures, pathlib, random, subprocess, sys

folder = pathlib.Path(sys.argv[1])
# As Flite's dictionary, which is CMU's, says them.
PHONES = {
    "zero": "z ih r ow", "one": "w ah n", "two": "t uw", "three": "th r iy", "four": "f ao r",
    "five": "f ay v", "six": "s ih k s", "seven": "s eh v ax n", "eight": "ey t", "nine": "n ay n",
}
KNOWN = ["kal16", "awb", "slt", "en-us+m1", "en-us+m3", "en-us+m5", "en-us+f2", "en-us+f5"]
STRANGERS = ["rms", "en-us+f4", "en-us+m7"]


def record(path, voice, text, draw):
    if "+" in voice:
        pace, pitch = round(draw.uniform(130, 190)), round(draw.uniform(35, 65))
        command = ["espeak-ng", "-v", voice, "-s", str(pace), "-p", str(pitch), "-w", path, text]
    else:
        command = ["flite", "-voice", voice, "--setf", f"duration_stretch={draw.uniform(0.85, 1.2):.3f}", "-t", text, "-o", path]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def one(part, number, voices):
    draw = random.Random(f"{part} {number}")
    words = draw.choices(list(PHONES), k=draw.randint(3, 5))
    name = f"{part}/{number:04}.wav"
    # Some stop in between.
    text = words[0] + "".join(draw.choice([", ", " ", " "]) + word for word in words[1:])
    record(folder / name, voices[number % len(voices)], text, draw)
    return f"{name}\t{' '.join(PHONES[word] for word in words)}\n"


for part, count, voices in [("train", 3200, KNOWN), ("test", 400, KNOWN), ("strangers", 150, STRANGERS)]:
    (folder / part).mkdir()
    with concurrent.futures.ThreadPoolExecutor() as threads:
        lines = list(threads.map(lambda number: one(part, number, voices), range(count)))
    (folder / f"{part}.tsv").write_text("".join(lines))
PY
echo "$version" > "$folder/version"
