"""Callbacks: what happens at the beginnings and ends of a training, of its epochs and its batches."""

from tinygraph.training.callbacks.backup_and_restore import BackupAndRestore
from tinygraph.training.callbacks.callback import Callback
from tinygraph.training.callbacks.csv_logger import CSVLogger
from tinygraph.training.callbacks.early_stopping import EarlyStopping
from tinygraph.training.callbacks.history import History
from tinygraph.training.callbacks.lambda_callback import LambdaCallback
from tinygraph.training.callbacks.learning_rate_scheduler import LearningRateScheduler
from tinygraph.training.callbacks.model_checkpoint import ModelCheckpoint
from tinygraph.training.callbacks.pictures import DrawNetwork
from tinygraph.training.callbacks.reduce_on_plateau import ReduceLROnPlateau
from tinygraph.training.callbacks.swap_ema_weights import SwapEMAWeights
from tinygraph.training.callbacks.tensor_board import TensorBoard
from tinygraph.training.callbacks.terminate_on_nan import TerminateOnNaN

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "DrawNetwork",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ReduceLROnPlateau",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
]
