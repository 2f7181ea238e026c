"""What `mdmtheory` has, for editors and type checkers: the runtime imports each name when it is first used."""

from mdmtheory import exact as exact
from mdmtheory import plans as plans
from mdmtheory import samplers as samplers
from mdmtheory import schedules as schedules
from mdmtheory import theory as theory
from mdmtheory.conformance.denoisers import check_denoiser as check_denoiser
from mdmtheory.conformance.languages import check_language as check_language
from mdmtheory.conformance.metrics import check_metric as check_metric
from mdmtheory.conformance.models import check_model as check_model
from mdmtheory.conformance.samplers import check_sampler as check_sampler
from mdmtheory.core.estimate import Estimate as Estimate
from mdmtheory.core.spec import Spec as Spec
from mdmtheory.denoisers.perturbed import Perturbed as Perturbed
from mdmtheory.denoisers.window import Window as Window
from mdmtheory.languages.files import load_language as load_language
from mdmtheory.languages.hmm import HMM as HMM
from mdmtheory.languages.ngram import NGram as NGram
from mdmtheory.languages.paired import Copy as Copy
from mdmtheory.languages.paired import EqualPairs as EqualPairs
from mdmtheory.languages.parity import Parity as Parity
from mdmtheory.languages.permutation import Permutation as Permutation
from mdmtheory.languages.presets import as_language as as_language
from mdmtheory.languages.repetition import Repetition as Repetition
from mdmtheory.metrics.compare import compare_schedules as compare_schedules
from mdmtheory.metrics.cross_entropy import cross_entropy as cross_entropy
from mdmtheory.metrics.distances import Distances as Distances
from mdmtheory.metrics.distances import distances as distances
from mdmtheory.metrics.ser import ser as ser
from mdmtheory.metrics.ter import ter as ter
from mdmtheory.metrics.ter import ter_ratio as ter_ratio
from mdmtheory.models.autoregressive import Autoregressive as Autoregressive
from mdmtheory.models.block import BlockDiffusion as BlockDiffusion
from mdmtheory.models.gaussian import GaussianDiffusion as GaussianDiffusion
from mdmtheory.models.masked import MaskedDiffusion as MaskedDiffusion
from mdmtheory.models.uniform import UniformDiffusion as UniformDiffusion
from mdmtheory.oracles.evidence import GaussianEvidence as GaussianEvidence
from mdmtheory.oracles.evidence import UniformEvidence as UniformEvidence
from mdmtheory.oracles.oracle import Oracle as Oracle
from mdmtheory.schedules import Schedule as Schedule
from mdmtheory.sweeps.cells import cells as cells
from mdmtheory.sweeps.collect import collect as collect
from mdmtheory.sweeps.results import read as read
from mdmtheory.sweeps.store import merge as merge

__version__: str
