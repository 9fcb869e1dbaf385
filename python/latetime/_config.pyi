# Written by python/tools/make_stubs.py from the list of fields in src/latetime/experiment/config_fields.hpp.

import os
from typing import Any, Dict, List, Union

def fields() -> List[Dict[str, Any]]: ...
def section_doc(section: str) -> str: ...
def toml_value(value: Any, key: str = ...) -> str: ...
def section_of(key: str) -> str: ...
def assignments(keys: Dict[str, Any]) -> List[str]: ...
def toml_lines(config: Config, prefix: str = ...) -> List[str]: ...
def to_core(config: Config) -> Any: ...
def from_core(core: Any) -> Config: ...

class Data:
    source: str
    'where the samples come from (gaussian-mixture | orthogonal | near-orthogonal | symmetric-separable | file | mnist | fashion-mnist)'
    n: int
    'samples (images: 0 takes all that the classes leave)'
    d: int
    'dimension of a sample (files: 0 takes what the file has)'
    signal_std: float
    "standard deviation of the mean's entries"
    noise_std: float
    'standard deviation of the noise'
    sample_norm: float
    'Euclidean norm of every sample'
    inner_product: float
    'p, the largest |<x_i, x_k>| of two samples'
    margin: float
    'least y <v, x> along the separating direction v'
    x: str
    'samples, n x d: .npy, .npz:name, .csv, .h5:/path, .mat:/path, LIBSVM'
    y: str
    'labels, n of two values, or classes 0, 1, ..., K-1: the same formats; empty: in the file of x'
    positive: str
    'the label that counts as +1, the other as -1; empty: labels are +1 and -1'
    label_column: str
    "column of the labels in a CSV file, y's or else x's: its header, or its number from 1 (-1: the last)"
    transpose: bool
    'x holds a sample a column, as d x n'
    classes: str
    'classes of images: "even-odd", "0-4 vs 5-9", "3 vs 8", the first is +1; "all": ten'
    pixels: str
    'unit: [0, 1]; standardized: mean 0, variance 1 (unit | standardized)'
    split: str
    'which part of the image set (train | test)'
    center: bool
    'subtract the mean of the chosen images'
    normalize: bool
    'scale every image to unit Euclidean norm'
    folder: str
    'folder of the IDX files; empty: the cache'
    label_noise: float
    'probability that a training label is flipped'
    test_n: int
    'test samples of the same source (0: none; latetime train: all test images)'
    test_x: str
    'test samples: a file such as x'
    test_y: str
    'their labels; empty: in the file of test_x'
    population_draws: int
    'Monte Carlo draws for population_error at a record; the limit takes ten times as many'
    def __init__(
        self,
        *,
        source: str = 'gaussian-mixture',
        n: int = 10,
        d: int = 784,
        signal_std: float = 0.01,
        noise_std: float = 1.0,
        sample_norm: float = 1.0,
        inner_product: float = 0.01,
        margin: float = 1.0,
        x: str = '',
        y: str = '',
        positive: str = '',
        label_column: str = '',
        transpose: bool = False,
        classes: str = 'even-odd',
        pixels: str = 'unit',
        split: str = 'train',
        center: bool = False,
        normalize: bool = False,
        folder: str = '',
        label_noise: float = 0.0,
        test_n: int = 0,
        test_x: str = '',
        test_y: str = '',
        population_draws: int = 20000,
    ) -> None: ...

class Network:
    width: int
    'm, neurons of each class'
    slope: float
    'gamma, slope of the leaky ReLU: 0 is ReLU, 1 is linear'
    smoothing: float
    'h: the smoothed leaky ReLU, a parabola where |z| < h; 0: ReLU or leaky ReLU'
    init_std: float
    'sigma_0, standard deviation of the initial weights'
    initial_weights: str
    'file with initial weights, shape (2, m, d), instead of random ones'
    head: str
    'groups: second layer fixed; trained: a linear output layer, one hidden layer of m (latetime train) (groups | trained)'
    output_scale: str
    'factor before the sum of neurons; auto: 1/m, or 1 for a trained head (latetime train) (auto | 1/m | 1/sqrt(m) | 1)'
    def __init__(
        self,
        *,
        width: int = 100,
        slope: float = 0.1,
        smoothing: float = 0.0,
        init_std: float = 0.001,
        initial_weights: str = '',
        head: str = 'groups',
        output_scale: str = 'auto',
    ) -> None: ...

class Descent:
    method: str
    'gd: full-batch gradient descent; sgd: mini-batches; flow: gradient flow (gd | sgd | flow)'
    learning_rate: float
    'eta, step size'
    loss: str
    "logistic: log(1 + e^-u) of a margin u, the paper's; exponential: e^-u (logistic | exponential)"
    until: Union[str, int, float]
    'last step, of any size: "1e6", "1e100"'
    epochs: int
    'passes over the data, instead of until; 0: until counts'
    batch_size: int
    'samples of a mini-batch'
    engine: str
    'how the descent is followed (auto | dense | coefficient | frozen | flow)'
    tolerance: float
    'of log loss and stable ranks, for choosing the hand-over to the late-time flow'
    precision: str
    'auto: float64, in latetime train float32 (auto | float64 | float32)'
    def __init__(
        self,
        *,
        method: str = 'gd',
        learning_rate: float = 0.1,
        loss: str = 'logistic',
        until: Union[str, int, float] = '1e5',
        epochs: int = 0,
        batch_size: int = 64,
        engine: str = 'auto',
        tolerance: float = 1e-08,
        precision: str = 'auto',
    ) -> None: ...

class Record:
    per_decade: int
    'records for each factor 10 of steps'
    at: List[Union[str, int, float]]
    'steps that are recorded too'
    every: int
    'record every so many steps too; 0: do not'
    def __init__(
        self,
        *,
        per_decade: int = 4,
        at: List[Union[str, int, float]] = [],
        every: int = 0,
    ) -> None: ...

class Config:
    seed: int
    data: Data
    network: Network
    descent: Descent
    record: Record
    def __init__(
        self,
        *,
        seed: int = ...,
        data: Data = ...,
        network: Network = ...,
        descent: Descent = ...,
        record: Record = ...,
    ) -> None: ...
    @classmethod
    def read(cls, path: Union[str, os.PathLike[str]], **keys: Any) -> Config: ...
    def to_toml(self) -> str: ...
    def check(self) -> None: ...
    def with_keys(self, **keys: Any) -> Config: ...
