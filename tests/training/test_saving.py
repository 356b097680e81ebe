# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
import json
import pickle
from functools import partial

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.exceptions import NotFittedError

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")
from safetensors import safe_open  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from skorch import NeuralNet  # noqa: E402

import selfsupervised as ss  # noqa: E402
from selfsupervised.images._sampled import SampledDenoiser  # noqa: E402
from selfsupervised.images.loading import DENOISERS  # noqa: E402
from selfsupervised.networks import DnCNN, Noise2SelfUNet, UNet  # noqa: E402
from selfsupervised.training import saving  # noqa: E402
from selfsupervised.training.saving import load_estimator, save_estimator  # noqa: E402

small = partial(DnCNN, width=3, depth=3)


class Foreign(torch.nn.Conv2d):
    """A network that is not of the library."""

    def __init__(self, in_channels=1, bias=True):
        super().__init__(in_channels, in_channels, 3, padding=1, bias=bias)


class Wrapped(torch.nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network(x)


class Tiny(TransformerMixin, BaseEstimator):
    """The least that can be saved: it fits by chance, and learns something of every kind."""

    def __init__(
        self,
        module=None,
        *,
        gain=1.0,
        partition=None,
        callbacks=None,
        optimizer="Adam",
        device="auto",
        seed=0,
    ):
        self.module = module
        self.gain = gain
        self.partition = partition
        self.callbacks = callbacks
        self.optimizer = optimizer
        self.device = device
        self.seed = seed

    def _new_net(self):
        module = self.module or small
        if isinstance(module, torch.nn.Module):
            module = pickle.loads(pickle.dumps(module))
        else:
            module = module(self.n_channels_)
        net = NeuralNet(Wrapped(module), torch.nn.MSELoss, device="cpu", verbose=0)
        return net.initialize()

    def fit(self, X, y=None):
        self.n_channels_ = 1
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            self.net_ = self._new_net()
            batch = torch.from_numpy(X[:, None].astype(np.float32))
            self.net_.module_.train()(batch)  # moves the averages of batch norm
        self.mean_ = X.mean(axis=0)
        self.scale_ = np.float32(X.std())
        self.curve_ = [0.1, float("nan"), -float("inf")]
        self.known_ = {"shape": X.shape, "kept": None, "flags": np.array([True, False])}
        return self

    def transform(self, X):
        with torch.no_grad():
            batch = torch.from_numpy(((X - self.mean_) / self.scale_).astype(np.float32))
            out = self.net_.module_.eval()(batch[:, None])[:, 0].numpy()
        return self.gain * out * self.scale_ + self.mean_

    def score(self, X, y=None):
        return -float(np.mean((self.transform(X) - X) ** 2))


class Other(Tiny):
    pass


@pytest.fixture
def X(rng):
    return rng.normal(10, 3, size=(2, 8, 9))


def saved(estimator, path):
    save_estimator(estimator, path)
    return path


def changed(path, **changes):
    """The same file with another header."""
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        header = json.loads(file.metadata()[saving.HEADER_KEY]) | changes
    save_file(tensors, path, {saving.HEADER_KEY: json.dumps(header)})


@pytest.mark.parametrize(
    "module",
    [None, DnCNN, partial(DnCNN, width=2), DnCNN(1, width=5)],
    ids=["default", "class", "partial", "instance"],
)
def test_loaded_does_what_the_saved_one_does(module, X, tmp_path):
    fitted = Tiny(module, gain=np.float64(0.9), optimizer=torch.optim.SGD).fit(X)
    state = torch.random.get_rng_state()
    loaded = load_estimator(saved(fitted, tmp_path / "a"), [Other, Tiny])
    assert torch.equal(torch.random.get_rng_state(), state)
    out = fitted.transform(X)
    np.testing.assert_array_equal(loaded.transform(X), out)
    assert loaded.score(X) == fitted.score(X)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(loaded)).transform(X), out)
    np.testing.assert_array_equal(clone(loaded).fit(X).transform(X), out)
    unlike = clone(fitted).set_params(seed=1)
    if not isinstance(module, torch.nn.Module):  # which would bring its weights
        assert (unlike.fit(X).transform(X) != out).any()


def test_all_that_was_learned_comes_back(X, tmp_path):
    plus = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]])
    partition = ss.PixelGrid(3, footprint=plus)
    fitted = Tiny(gain=2, partition=partition, optimizer=torch.optim.SGD).fit(X.astype(">f8"))
    loaded = load_estimator(saved(fitted, tmp_path / "a.safetensors"), [Tiny])
    assert set(vars(loaded)) == set(vars(fitted))
    assert type(loaded.partition) is ss.PixelGrid and loaded.partition.stride == 3
    np.testing.assert_array_equal(loaded.partition.footprint, plus)
    loaded.partition = partition
    assert loaded.get_params() == fitted.get_params()
    np.testing.assert_array_equal(loaded.mean_, fitted.mean_)
    assert loaded.mean_.flags.writeable
    assert type(loaded.scale_) is np.float32 and loaded.scale_ == fitted.scale_
    np.testing.assert_array_equal(loaded.curve_, fitted.curve_)
    assert loaded.known_["shape"] == (2, 8, 9) and loaded.known_["kept"] is None
    assert loaded.known_["flags"].tolist() == [True, False]
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


@pytest.mark.parametrize(
    "denoiser", [cls for cls in DENOISERS if cls is not ss.NegativeBinomialAutoencoder]
)
def test_network_denoisers(denoiser, rng, tmp_path, bfloat16):
    X = rng.normal(10, 3, size=(1, 16, 17, 2)).astype(np.float32)
    module = partial(UNet, width=2, depth=1)
    few = {"max_steps": 2, "batch_size": 2}
    if issubclass(denoiser, SampledDenoiser):
        few["n_predictions"] = 3
    fitted = denoiser(module, **few, channel_axis=-1, device="cpu", random_state=4).fit(X)
    fitted.save(tmp_path / "a")
    out = fitted.transform(X)
    for loaded in (denoiser.load(tmp_path / "a", device="cpu"), ss.load(tmp_path / "a")):
        assert type(loaded) is denoiser
        np.testing.assert_array_equal(loaded.transform(X), out)
        assert loaded.score(X) == fitted.score(X)
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(loaded)).transform(X), out)
        np.testing.assert_array_equal(clone(loaded).fit(X).transform(X), out)
        assert loaded.set_params(warm_start=True).fit(X).n_steps_ == 4


def test_files_of_another_default_network_say_so(rng, tmp_path):
    """Those of a network without a residual are not taken for the default, which has one."""
    X = rng.normal(10, 3, size=(1, 16, 16))
    plain = partial(Noise2SelfUNet, width=16, depth=3)
    fitted = ss.Noise2SelfDenoiser(plain, max_steps=1, device="cpu").fit(X)
    fitted.set_params(module=None).save(tmp_path / "a")
    with pytest.raises(ValueError, match="pass the module of the training as module="):
        ss.load(tmp_path / "a", device="cpu")
    loaded = ss.Noise2SelfDenoiser.load(tmp_path / "a", module=plain, device="cpu")
    np.testing.assert_array_equal(loaded.transform(X), fitted.transform(X))


def test_every_network_denoiser_can_be_loaded():
    public = {getattr(ss, name) for name in ss.__all__}
    assert {cls for cls in public if hasattr(cls, "load")} == set(DENOISERS)


@pytest.mark.parametrize("module", [Foreign, Foreign(), partial(Foreign, bias=True)])
def test_foreign_module_is_asked_for(module, X, tmp_path):
    fitted = Tiny(module).fit(X)
    path = saved(fitted, tmp_path / "a")
    with pytest.raises(ValueError, match="weights of Foreign, .* pass module=Foreign"):
        load_estimator(path, [Tiny])
    loaded = load_estimator(path, [Tiny], module=Foreign)
    assert loaded.module is Foreign
    np.testing.assert_array_equal(loaded.transform(X), fitted.transform(X))
    with pytest.raises(ValueError, match="weights of another module"):
        load_estimator(path, [Tiny], module=small)


def test_compiled_weights_have_plain_names(X, tmp_path):
    fitted = Tiny().fit(X)
    out = fitted.transform(X)
    network = fitted.net_.module_.network
    fitted.net_.module_.network = torch.compile(network, backend="eager")
    assert any(saving.COMPILED_PREFIX in name for name in fitted.net_.module_.state_dict())
    loaded = load_estimator(saved(fitted, tmp_path / "a"), [Tiny])
    np.testing.assert_array_equal(loaded.transform(X), out)


def test_compiled_module_takes_plain_weights(X, tmp_path):
    class Compiling(Tiny):
        def _new_net(self):
            net = super()._new_net()
            net.module_.network = torch.compile(net.module_.network, backend="eager")
            return net

    path = saved(Tiny().fit(X), tmp_path / "a")
    changed(path, **{"class": "Compiling"})
    loaded = load_estimator(path, [Compiling])
    assert any(saving.COMPILED_PREFIX in name for name in loaded.net_.module_.state_dict())
    np.testing.assert_array_equal(
        loaded.net_.module_.state_dict()["network._orig_mod.stack.0.weight"],
        Tiny().fit(X).net_.module_.state_dict()["network.stack.0.weight"],
    )


def test_device_is_that_of_loading(X, tmp_path):
    fitted = Tiny().fit(X).set_params(device="cuda:7")
    path = saved(fitted, tmp_path / "a")
    assert load_estimator(path, [Tiny]).device == "auto"
    assert load_estimator(path, [Tiny], device="cpu").device == "cpu"


def test_what_cannot_be_stored(X, tmp_path):
    fitted = Tiny(callbacks=[print], gain=2.0).fit(X)
    with pytest.warns(UserWarning, match="Tiny is saved without callbacks, which"):
        save_estimator(fitted, tmp_path / "a")
    loaded = load_estimator(tmp_path / "a", [Tiny])
    assert loaded.callbacks is None and loaded.gain == 2
    fitted.set_params(callbacks=None).hook_ = print
    with pytest.raises(TypeError, match="numbers, text, arrays, .* got hook_=<built-in"):
        save_estimator(fitted, tmp_path / "b")
    with pytest.raises(NotFittedError):
        save_estimator(Tiny(), tmp_path / "b")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_failing_to_write_leaves_the_old_file(X, tmp_path, monkeypatch):
    path = saved(Tiny().fit(X), tmp_path / "a")
    before = path.read_bytes()

    def half(tensors, where, metadata):
        where.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(saving, "save_file", half)
    with pytest.raises(OSError, match="disk full"):
        save_estimator(Tiny(gain=3).fit(X), path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_nothing_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        load_estimator(tmp_path / "a", [Tiny])


@pytest.mark.parametrize("keep", [0, 5, 100, -1])
def test_truncated(keep, X, tmp_path):
    path = saved(Tiny().fit(X), tmp_path / "a")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match="cut short, damaged or of another kind"):
        load_estimator(path, [Tiny])


def test_other_files(X, tmp_path):
    path = tmp_path / "a"
    path.write_bytes(pickle.dumps(Tiny().fit(X)))
    with pytest.raises(ValueError, match="cut short, damaged or of another kind"):
        load_estimator(path, [Tiny])
    save_file({"a": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match="safetensors file of another program"):
        load_estimator(path, [Tiny])
    with pytest.raises(ValueError, match="Expected Other in .*, found Tiny; load it by Tiny.load"):
        load_estimator(saved(Tiny().fit(X), path), [Other])


def test_newer_files(X, tmp_path):
    path = saved(Tiny().fit(X), tmp_path / "a")
    changed(path, format=saving.FORMAT_VERSION + 1, version="99.0", learned="something else")
    with pytest.raises(ValueError, match=r"selfsupervised 99.0 in format 2, .* install that"):
        load_estimator(path, [Tiny])
    changed(path, format=saving.FORMAT_VERSION, parameters={"gain": 1, "flux": 2})
    with pytest.raises(ValueError, match=r"99.0 with parameters that this one lacks: \['flux'\]"):
        load_estimator(path, [Tiny])


@pytest.mark.parametrize("kind", ["network", "optimizer", "partition"])
def test_names_are_looked_up_in_tables_only(kind, X, tmp_path):
    path = saved(Tiny().fit(X), tmp_path / "a")
    named = {"name": "exec", "form": "class", "arguments": {"dict": {}}}
    content = {"network": named, "optimizer": "exec", "partition": ["exec", {"dict": {}}]}[kind]
    changed(path, parameters={"module": {kind: content}})
    with pytest.raises(ValueError, match="needs 'exec', which this one lacks"):
        load_estimator(path, [Tiny])
