"""The tables of the index. All of them can be made again from the commits."""

from __future__ import annotations

VERSION = 2

# `commits` holds what was walked, `line` what belongs to a study now, oldest first. Experiments
# and events have the number of their commit; JSON columns come last since lists skip them.
SCHEMA = f"""
CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE tips (ref TEXT PRIMARY KEY, study TEXT NOT NULL, oid TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE commits (
    id INTEGER PRIMARY KEY,
    oid TEXT NOT NULL UNIQUE,
    parents TEXT NOT NULL,
    committed INTEGER NOT NULL,
    kind TEXT NOT NULL
);
CREATE TABLE line (
    study TEXT NOT NULL,
    position INTEGER NOT NULL,
    id INTEGER NOT NULL,
    experiment INTEGER NOT NULL,
    PRIMARY KEY (study, position)
) WITHOUT ROWID;
CREATE INDEX line_id ON line (id);
CREATE TABLE experiments (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    study TEXT,
    position INTEGER,
    hidden INTEGER NOT NULL DEFAULT 0,
    recorded TEXT NOT NULL,
    status TEXT NOT NULL,
    created TEXT NOT NULL,
    started REAL NOT NULL,
    committed INTEGER NOT NULL,
    author TEXT NOT NULL,
    mail TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    lookup TEXT NOT NULL,
    reusable INTEGER NOT NULL,
    seconds REAL NOT NULL,
    base TEXT NOT NULL,
    primary_metric TEXT NOT NULL,
    complete INTEGER NOT NULL,
    problem TEXT NOT NULL,
    tags TEXT NOT NULL DEFAULT '',
    notes TEXT NOT NULL DEFAULT '',
    metrics TEXT NOT NULL,
    params TEXT NOT NULL,
    digests TEXT NOT NULL,
    goals TEXT NOT NULL,
    outputs TEXT NOT NULL
);
CREATE INDEX experiments_name ON experiments (name);
CREATE INDEX experiments_lookup ON experiments (lookup);
CREATE INDEX experiments_committed ON experiments (committed, position);
CREATE INDEX experiments_hidden ON experiments (hidden) WHERE hidden = 1;
CREATE INDEX experiments_incomplete ON experiments (complete) WHERE complete = 0;
CREATE TABLE outputs (
    path TEXT NOT NULL,
    command TEXT NOT NULL,
    uses INTEGER NOT NULL,
    PRIMARY KEY (path, command)
) WITHOUT ROWID;
CREATE TABLE made (
    digest TEXT NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (digest, id)
) WITHOUT ROWID;
CREATE INDEX made_id ON made (id);
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    about TEXT NOT NULL,
    kind TEXT NOT NULL,
    author TEXT NOT NULL,
    mail TEXT NOT NULL,
    committed INTEGER NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX events_about ON events (about);
CREATE TABLE lost (
    ref TEXT NOT NULL,
    tip TEXT NOT NULL,
    study TEXT NOT NULL,
    experiments TEXT NOT NULL,
    noticed REAL NOT NULL,
    PRIMARY KEY (ref, tip)
) WITHOUT ROWID;
PRAGMA user_version = {VERSION}
"""
