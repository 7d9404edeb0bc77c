"""Rows to the relabel queue: which rows to label, why these, and what their labels say.

One file for one job: `features` (rows to numbers), `units` (copies), `density` (what the training
set does not account for), `draw` (the probability sample), `reasons` (why, in words), `select`
(all of it together), `estimate` (labels to a figure with an interval), `weights` (labels to
training), `similar` ("more like these"), `representativeness` (training set, production, queue).
"""
