#!/usr/bin/env bash
# Walks the main job in a temporary folder, and shows each command with what it says.
#
# usage: scripts/demo.sh [FOLDER]   (a folder that is named is kept; it must not exist)
set -euo pipefail

if [ $# -gt 0 ]; then
    project=$1
else
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    project=$scratch/digits
fi

# Git asks who the author of a commit is. Where nobody has told it, the demo answers.
if ! (cd / && git config user.email >/dev/null); then
    export GIT_AUTHOR_NAME=Demo GIT_AUTHOR_EMAIL=demo@localhost
    export GIT_COMMITTER_NAME=Demo GIT_COMMITTER_EMAIL=demo@localhost
fi

title() { printf '\n# %s\n' "$*"; }

# Show a command, run it, and stop if it doesn't end with the status that is expected.
expect() {
    local wanted=$1 status=0
    shift
    printf '\n$ %s\n' "$*"
    "$@" || status=$?
    if [ "$status" -ne "$wanted" ]; then
        printf 'demo: exit status %s, expected %s\n' "$status" "$wanted" >&2
        exit 1
    fi
}

# Show a command, and run it without what it says.
quietly() {
    printf '\n$ %s > /dev/null\n' "$*"
    "$@" >/dev/null 2>&1
}

title 'A complete project: handwritten digits, a small network in plain PyTorch'
expect 0 gitml init "$project" --template cnn
printf '\n$ cd %s\n' "$project"
cd "$project"

title 'One training run becomes one commit'
expect 0 gitml exp run --name plain

title 'Another setting'
expect 0 gitml exp run --name slow -S train.lr=0.0005

title 'The same again: nothing runs, the recorded experiment is shown'
expect 0 gitml exp run

title 'What there is'
expect 0 gitml exp list
expect 0 git log --oneline --first-parent "exp/$(git branch --show-current)" --

title 'Two more seeds of each, so that a difference can be told from noise'
for seed in 8 9; do
    quietly gitml exp run -S seed=$seed
    quietly gitml exp run -S seed=$seed -S train.lr=0.0005
done

title 'What changed, whether it is better, and why'
expect 0 gitml exp diff plain slow

title 'The same as a page for a browser, and a page of the whole study'
quietly gitml exp diff plain slow --html comparison.html
expect 0 gitml report

title 'Is everything that was stored still what it was?'
expect 0 gitml fsck

title 'Would this repeat an experiment? Exit status 1 says yes'
expect 1 gitml check -S train.lr=0.0005
expect 0 gitml check -S train.lr=0.001

title 'The branch that you stand on is as it was'
expect 0 git status --short --branch
