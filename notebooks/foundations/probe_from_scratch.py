# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A linear probe from scratch
#
# A probe is the simplest question one can put to a model: is there a *weighted sum* of your numbers that follows the tongue tip? If
# there is, the model holds the tongue tip in a form that anything built on top could read. Fitting the weights takes three lines
# of NumPy. Not fooling oneself with the result takes the rest of this chapter.
#
# ```{admonition} You will learn
# * least squares and ridge regression in a few lines, and that the package does nothing else,
# * why more data can make a probe worse (double descent), and what cures it,
# * three ways for the test set to leak into the training set, and what each is worth,
# * what a correlation does not tell.
# ```
#
# **Needs** {doc}`see_a_frame`; half a minute on a laptop. The corpus is synthetic.

# %% tags=["parameters"]
corpus: str = "bundled"  # corpus to open, as in articulens corpus describe
model: str = "tiny-multi"  # encoder to probe
layer: str = ""  # layer to read, empty means the middle one
speakers: list = [
    "FIN01",
    "FIN02",
    "FIN03",
    "FIN04",
    "RUS01",
    "RUS02",
    "RUS03",
]  # the first is the one looked at closely
channel: str = "TT.z"  # coordinate that is looked at closely
seed: int = 0  # of all random choices

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from articulens.corpora import open_corpus
from articulens.corpora.schema import TARGETS
from articulens.drawing import STYLE, STYLES, WIDTH
from articulens.encoders import open_encoder
from articulens.evaluation.learning import collect
from articulens.probes.linear import LinearProbe
from articulens.publishing import record
from articulens.targets import TargetOptions

plt.rcParams.update(STYLE)

# %% [markdown]
# ## Frames and positions
#
# `collect` runs the encoder over the recordings and hands back, utterance by utterance, the states $X$ of one layer and the positions
# $Y$ at the centres of the frames. One fifth of the *sentences* is put aside for testing.

# %%
recordings = open_corpus(corpus)
encoder = open_encoder(model, seed=seed)
record(corpora={corpus: recordings}, encoders={model: encoder})
layer = layer or encoder.layers[len(encoder.layers) // 2]
kept = collect(recordings.select(speaker=speakers), encoder, layer, seed=seed, options=TargetOptions(frames="speech"))
utterances = kept[speakers[0]]
train = [u for u in utterances if u.fold != 0]
test = [u for u in utterances if u.fold == 0]
x, y = np.concatenate([u.x for u in train]), np.concatenate([u.y for u in train])
test_x, test_y = np.concatenate([u.x for u in test]), np.concatenate([u.y for u in test])
print(f"{speakers[0]}, {model} layer {layer}: train X {x.shape}, Y {y.shape}; test X {test_x.shape}, Y {test_y.shape}")

# %% [markdown]
# ## Least squares in three lines
#
# Centre everything; find the weights $B$ that make $\lVert Y - XB \rVert^2$ smallest; put the means back.

# %%
mean_x, mean_y = x.mean(0), y.mean(0)
weights = np.linalg.lstsq(x - mean_x, y - mean_y, rcond=None)[0]
predicted = (test_x - mean_x) @ weights + mean_y
print(f"weights {weights.shape}: one column a coordinate")


def correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return Pearson's r of each column."""
    a, b = a - a.mean(0), b - b.mean(0)
    return (a * b).sum(0) / np.sqrt((a**2).sum(0) * (b**2).sum(0))


r = pd.Series(correlation(predicted, test_y), index=TARGETS, name="r")
print(f"on sentences never heard: mean r {r.mean():.3f}, {channel} {r[channel]:.3f}")

# %%
same = LinearProbe(0.0).fit(x, y)
print(f"largest difference from the package's probe: {np.abs(same.predict(test_x) - predicted).max():.1e} mm")

# %% mystnb={"image": {"alt": "Measured and predicted height of one coil over the first seconds of the test set: the prediction follows the large movements and misses some peaks.", "width": "90%"}, "figure": {"caption": "Measured and predicted, on sentences never heard. Vertical lines: between utterances, pauses left out.", "name": "fig-follow"}}
j = TARGETS.index(channel)
shown = slice(0, min(300, len(test_y)))
figure, axes = plt.subplots(figsize=(WIDTH, 2.6))
for (name, values), (colour, _, line) in zip((("measured", test_y), ("predicted", predicted)), STYLES, strict=False):
    axes.plot(0.02 * np.arange(shown.stop), values[shown, j], line, color=colour, linewidth=1, label=name)
for edge in np.cumsum([len(u.x) for u in test]):
    if edge < shown.stop:
        axes.axvline(0.02 * edge, color="0.8", linewidth=0.8)
axes.set(xlabel="seconds of speech", ylabel=f"{channel} (mm)")
axes.legend(frameon=False, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1))
plt.show()

# %% [markdown]
# ## More data, worse probe
#
# Common sense says that a probe gets better with more speech. Least squares does not listen to common sense. With fewer frames than features it can
# fit the training frames exactly, in many ways, and takes the smallest weights that do. With many more frames than features it averages the
# noise away. In between, where there is just one exact fit, it must twist itself through every point: the weights explode,
# and the test score collapses. This is *double descent*.
#
# Ridge regression asks for small weights as well: it minimises $\lVert Y - XB \rVert^2 + \alpha \lVert B \rVert^2$. One
# more term in the formula, and the collapse is gone.


# %%
def ridge(x: np.ndarray, y: np.ndarray, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    """Return weights and intercept; features are scaled to variance 1 first."""
    mean, scale = x.mean(0), x.std(0) + 1e-12
    z = (x - mean) / scale
    b = np.linalg.solve(z.T @ z + alpha * np.eye(z.shape[1]), z.T @ (y - y.mean(0))) / scale[:, None]
    return b, y.mean(0) - mean @ b


p = x.shape[1]
sizes = np.unique(np.round(p * np.array([0.1, 0.25, 0.5, 0.75, 0.9, 1.0, 1.1, 1.25, 1.5, 2, 3, 5, 10, 20])).astype(int))
rng = np.random.default_rng(seed)
rows = []
for draw in range(5):
    order = np.concatenate(
        [
            np.flatnonzero(np.repeat(np.arange(len(train)), [len(u.x) for u in train]) == i)
            for i in rng.permutation(len(train))
        ]
    )
    for n in sizes[sizes <= len(x)]:
        some = order[:n]
        ols = LinearProbe(0.0, standardize=True).fit(x[some], y[some])
        b, c = ridge(x[some], y[some], alpha=100.0)
        rows.append(
            (
                draw,
                n,
                correlation(ols.predict(test_x), test_y).mean(),
                correlation(test_x @ b + c, test_y).mean(),
                np.abs(ols.coef_).max(),
            )
        )
curve = pd.DataFrame(rows, columns=["draw", "frames", "least squares", "ridge", "largest weight"])
means = curve.groupby("frames").mean()
at_p = means.index[np.abs(means.index - p).argmin()]
print(
    f"{p} features. Least squares: r {means['least squares'].iloc[0]:.2f} with {means.index[0]} frames, "
    f"{means.loc[at_p, 'least squares']:.2f} with {at_p}, {means['least squares'].iloc[-1]:.2f} with {means.index[-1]}. "
    f"Ridge: {means['ridge'].iloc[0]:.2f}, {means.loc[at_p, 'ridge']:.2f}, {means['ridge'].iloc[-1]:.2f}."
)

# %% mystnb={"image": {"alt": "Mean r against the number of training frames: least squares dips deeply where frames equal features, ridge rises steadily.", "width": "90%"}, "figure": {"caption": "Five random orders of the training sentences (thin) and their mean. Dotted: as many frames as features.", "name": "fig-descent"}}
figure, axes = plt.subplots(figsize=(WIDTH, 3))
for name, (colour, marker, line) in zip(("least squares", "ridge"), STYLES, strict=False):
    for _, one in curve.groupby("draw"):
        axes.semilogx(one["frames"], one[name], line, color=colour, linewidth=0.5, alpha=0.5)
    axes.semilogx(means.index, means[name], line, marker=marker, color=colour, label=name)
axes.axvline(p, color="0.4", linestyle=":")
axes.set(xlabel="training frames (50 a second)", ylabel="mean r on new sentences")
axes.legend(frameon=False)
plt.show()

# %% [markdown]
# Large models have 1,024 features. At 50 frames a second, the worst place is at about 20 seconds of speech: a learning curve that starts flat
# and then rises may show the missing penalty and not the need for data. {doc}`../03_vary_training_size` looks into
# it.
#
# ## Which penalty?
#
# Too small a penalty fits noise, too large a one predicts the mean. It must be chosen, and chosen *inside the training
# data*: with folds of training sentences, each in turn held out. Whoever tries penalties on the test set and reports the best has trained on
# the test set, with one knob.

# %%
alphas = np.logspace(-1, 6, 15)
folds = np.repeat([u.fold for u in train], [len(u.x) for u in train])
inner = []
for alpha in alphas:
    held_out = []
    for fold in np.unique(folds):
        b, c = ridge(x[folds != fold], y[folds != fold], alpha)
        held_out.append(correlation(x[folds == fold] @ b + c, y[folds == fold]).mean())
    b, c = ridge(x, y, alpha)
    inner.append(
        (alpha, np.mean(held_out), correlation(x @ b + c, y).mean(), correlation(test_x @ b + c, test_y).mean())
    )
choice = pd.DataFrame(inner, columns=["penalty", "inner folds", "training frames", "test sentences"]).set_index(
    "penalty"
)
alpha = choice["inner folds"].idxmax()
print(
    f"chosen on inner folds: {alpha:.3g}, which has r {choice.loc[alpha, 'test sentences']:.3f} on the test sentences"
)
print(
    f"best on the test sentences, which nobody may know: {choice['test sentences'].idxmax():.3g}, r {choice['test sentences'].max():.3f}"
)

# %% mystnb={"image": {"alt": "Mean r against the penalty: on training frames it only falls, on inner folds and on test sentences it has a broad top.", "width": "90%"}, "figure": {"caption": "Score by penalty on the frames that trained, on inner folds, and on the test sentences. Dotted: the choice.", "name": "fig-penalty"}}
figure, axes = plt.subplots(figsize=(WIDTH, 2.8))
for (name, column), (colour, marker, line) in zip(choice.items(), STYLES, strict=False):
    axes.semilogx(choice.index, column, line, marker=marker, markersize=4, color=colour, label=name)
axes.axvline(alpha, color="0.4", linestyle=":")
axes.set(xlabel="penalty α", ylabel="mean r")
axes.legend(frameon=False)
plt.show()

# %% [markdown]
# ## Three leaks
#
# The same probe, the same frames, four ways to decide who is tested:
#
# 1. *random frames*: a test frame has neighbours 20 ms away in the training set, and neighbours are nearly copies
#    ({doc}`see_a_frame`);
# 2. *new utterances*: but the same sentence may be in the training set in another reading;
# 3. *new sentences* of a speaker who is known;
# 4. *new speakers and new sentences*: nothing of the test set was ever heard.

# %%
every_x = {s: np.concatenate([u.x for u in kept[s]]) for s in speakers}
scaled = {s: np.concatenate([u.y for u in kept[s]]) for s in speakers}
scaled = {s: (v - v.mean(0)) / v.std(0) for s, v in scaled.items()}
fold = {s: np.repeat([u.fold for u in kept[s]], [len(u.x) for u in kept[s]]) for s in speakers}
number = {s: np.repeat(np.arange(len(kept[s])), [len(u.x) for u in kept[s]]) for s in speakers}


def score(train: dict[str, np.ndarray], speaker: str, test: np.ndarray) -> float:
    """Train on masks of frames by speaker, return mean r on a mask of one speaker's frames."""
    b, c = ridge(
        np.concatenate([every_x[s][m] for s, m in train.items()]),
        np.concatenate([scaled[s][m] for s, m in train.items()]),
        alpha,
    )
    return float(correlation(every_x[speaker][test] @ b + c, scaled[speaker][test]).mean())


rows = []
for speaker in speakers:
    drawn = np.random.default_rng(seed).permutation(len(fold[speaker])) % 5 == 0
    ways = {"random frames": drawn, "new utterances": number[speaker] % 5 == 0, "new sentences": fold[speaker] == 0}
    rows += [(speaker, name, score({speaker: ~test}, speaker, test)) for name, test in ways.items()]
    others = {s: fold[s] != 0 for s in speakers if s != speaker}
    rows.append((speaker, "new speakers and sentences", score(others, speaker, fold[speaker] == 0)))
leaks = pd.DataFrame(rows, columns=["speaker", "test set", "mean r"])
table = leaks.pivot(index="speaker", columns="test set", values="mean r")[list(dict.fromkeys(leaks["test set"]))]
print(
    f"random frames {table['random frames'].mean():.3f}, new sentences {table['new sentences'].mean():.3f}: "
    f"shuffling is worth {(table['random frames'] - table['new sentences']).mean():+.3f} here"
)
table.round(3)

# %% mystnb={"image": {"alt": "One line a speaker over four kinds of test set; scores on random frames lie above those on new sentences.", "width": "90%"}, "figure": {"caption": "The same probe tested in four ways. Thin: speakers; thick: their mean.", "name": "fig-leaks"}}
figure, axes = plt.subplots(figsize=(WIDTH, 3))
places = np.arange(table.shape[1])
for _, row in table.iterrows():
    axes.plot(places, row, "-", color="0.7", linewidth=0.8)
axes.plot(places, table.mean(), "o-", color=STYLES[0][0], linewidth=2)
axes.set_xticks(places, [name.replace(" ", "\n", 1) for name in table.columns])
axes.set(ylabel="mean r")
plt.show()

# %% [markdown]
# The last two need not differ in the direction one expects: a probe for a new speaker hears many mouths in training, the
# other one hears little of a single mouth. The number of training frames is part of every protocol, and a fair comparison keeps it
# in view.
#
# ## What r does not tell
#
# Pearson's r asks whether two curves rise and fall together. It does not ask about millimetres. Four distortions of one prediction:

# %%
b, c = ridge(x, y, alpha)
given, truth = (test_x @ b + c)[:, j], test_y[:, j]
spread = truth.std()
middle = np.cumsum([len(u.x) for u in test])[:-1]
by_utterance = np.mean(
    [
        correlation(a[:, None], t[:, None])[0]
        for a, t in zip(np.split(given, middle), np.split(truth, middle), strict=True)
        if len(t) > 20
    ]
)
distorted = {
    "as predicted": given,
    "a centimetre too high": given + 10,
    "movements halved": given.mean() + 0.5 * (given - given.mean()),
    "upside down": -given,
    "steady on each utterance's mean": np.concatenate([np.full(len(t), t.mean()) for t in np.split(truth, middle)]),
}
rows = [
    (name, correlation(v[:, None], truth[:, None])[0], np.sqrt(np.mean((v - truth) ** 2)))
    for name, v in distorted.items()
]
told = pd.DataFrame(rows, columns=["prediction", "r", "error (mm)"]).set_index("prediction")
told.round(2)

# %%
print(f"{channel} has a spread of {spread:.1f} mm; predicting the mean is wrong by just that much and has no r at all.")
print(
    f"A prediction that does not move within an utterance has r {told['r'].iloc[-1]:.2f}, from the differences between utterances alone; "
    f"our probe has {told['r'].iloc[0]:.2f} over all frames and {by_utterance:.2f} on average inside utterances."
)

# %% [markdown]
# And what would a probe score that cannot listen? Give every utterance the positions of *another* one, or shift them in time, and fit again. What
# remains is what rhythm, rest positions and slow drifts give away for nothing.

# %%
swapped = [np.roll(u.y, rng.integers(len(u.y) // 4, 3 * len(u.y) // 4 + 1), axis=0) for u in train]
b0, c0 = ridge(x, np.concatenate(swapped), alpha)
deaf = correlation(test_x @ b0 + c0, np.concatenate([np.roll(u.y, len(u.y) // 2, axis=0) for u in test]))
b, c = ridge(x, y, alpha)
listening = correlation(test_x @ b + c, test_y)
print(
    f"with positions rolled in time mean r {deaf.mean():+.3f} (from {deaf.min():+.2f} to {deaf.max():+.2f}), as measured {listening.mean():.3f}"
)

# %% [markdown]
# Finally, what no score tells: *use*. That a weighted sum finds the tongue does not mean that the model ever looks there.
# A probe shows that information is present and easy to read. It is a thermometer, not an autopsy.
#
# ## Takeaways
#
# * Least squares plus a penalty is the whole machine. The penalty is chosen inside the training data.
# * Near as many frames as features, least squares collapses. Run ridge beside it before speaking of data hunger.
# * Say who was in the training set. Random frames are the easiest test, new speakers with new sentences the honest one.
# * Read r with an error in mm, a null and an interval over speakers.
#
# ## Go further
#
# Exercises on all of this are in the course. `articulens run probe_from_scratch -p model logmel -p layer 0` asks the spectrum instead of a model.
