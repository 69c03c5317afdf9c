"""The training loop: epochs, validation, the best epoch, early stopping, and resuming after an interruption."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import torch
from sklearn.metrics import accuracy_score, f1_score
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from har_core.base.errors import HarError, InputError
from har_core.settings.runtime import RuntimeSettings
from har_core.settings.training import TrainingSettings
from har_core.training.averaging import averaged_model
from har_core.training.checkpoints import Checkpoint, UnusableCheckpointError, load_checkpoint, save_checkpoint
from har_core.training.data import LabelledWindows, batch_sizes, check
from har_core.training.devices import autocast, computing, resolve_device, resolve_precision
from har_core.training.events import (
    CheckpointIgnored,
    EpochFinished,
    EpochProgress,
    EpochRecord,
    Fitted,
    TrainingFinished,
    TrainingListener,
    TrainingStarted,
    ignore,
)
from har_core.training.mixing import make_mixing
from har_core.training.objective import l1_norm, make_criterion, matched, objective, taught
from har_core.training.optimization import learning_rate_at, make_optimizers, set_learning_rate
from har_core.training.seeding import generator_states, restore_generators, seed_everything

logger = logging.getLogger(__name__)

VALIDATION_BATCH_SIZE = 256
SECONDS_BETWEEN_PROGRESS = 0.25


def train(
    model: nn.Module,
    training: LabelledWindows,
    validation: LabelledWindows | None,
    settings: TrainingSettings,
    runtime: RuntimeSettings,
    *,
    num_classes: int,
    checkpoint_path: Path | None = None,
    checkpoint_key: str = "",
    augment: Callable[[Tensor], Tensor] | None = None,
    listener: TrainingListener = ignore,
) -> Fitted:
    """Train ``model`` in place, and return it with the weights of the epoch that ``settings.keep`` names.

    After each epoch the whole state is written to ``checkpoint_path``. A run that finds it there, with the same
    ``checkpoint_key``, settings and weight shapes, continues after its last epoch and ends with the same weights as an
    unbroken run (on the CPU, with the same number of threads). Any other file there is reported
    (:class:`CheckpointIgnored`, and a log record) and overwritten. The caller removes it once the result is safe.

    Args:
        model: takes windows (N, T, C) and returns logits (N, ``num_classes``). Create it after ``seed_everything``; its
            weights are the first ones, whatever ``settings`` say of initialisation.
        training: windows to learn from, at least 2; where they have soft labels, a changed window keeps its own.
        validation: windows that choose the best epoch, at least 1; None only where the last epoch is kept, and then
            the history has no validation figures.
        settings: how to train.
        runtime: where to train; a checkpoint does not depend on it.
        num_classes: number of activities; macro-F1 is over those that there are training and validation windows of.
        checkpoint_path: None to write no checkpoint.
        checkpoint_key: identifies what the training depends on besides ``settings``: code, data, seed of the weights.
        augment: changes the windows (N, T, C) of each training batch, with PyTorch's global generator. If ``settings``
            do not describe it, ``checkpoint_key`` must. Of ``settings.augmentation``, mixing alone is done here; the
            rest needs to know the channels (:func:`har_core.training.augmentation.make_augmentation`).
        listener: receives every :data:`~har_core.training.events.TrainingEvent`; an exception of it ends the training.

    Raises:
        InputError: the windows, labels or the device cannot be used, or there is nothing to choose the epoch by.
        HarError: the loss or a kept weight is no longer finite.
        StorageError: the checkpoint cannot be written.
    """
    check("training", training, num_classes=num_classes, at_least=2)
    if validation is not None:
        check("validation", validation, num_classes=num_classes, at_least=1)
    elif settings.keep == "best":
        raise InputError('A network needs validation windows: they choose its epoch. keep = "last" chooses none')
    device = resolve_device(runtime)
    with computing(runtime, device):
        trainer = _Trainer(
            model=model,
            training=training,
            validation=validation,
            settings=settings,
            device=device,
            num_classes=num_classes,
            key=checkpoint_key,
            augment=augment,
            listener=listener,
        )
        if checkpoint_path is not None:
            trainer.resume(checkpoint_path)
        return trainer.run(checkpoint_path)


class _Trainer:
    """The state of one training; :func:`train` is its only user."""

    def __init__(
        self,
        *,
        model: nn.Module,
        training: LabelledWindows,
        validation: LabelledWindows | None,
        settings: TrainingSettings,
        device: torch.device,
        num_classes: int,
        key: str,
        augment: Callable[[Tensor], Tensor] | None,
        listener: TrainingListener,
    ) -> None:
        self.device = device
        self.precision = resolve_precision(settings, self.device)
        self.model = model.to(self.device)
        self.training = training.near(self.device)
        self.validation = None if validation is None else validation.near(self.device)
        self.settings = settings
        self.num_classes = num_classes
        learnt = set(training.labels.tolist())
        self.activities = sorted((learnt if validation is None else learnt & set(validation.labels.tolist())) or learnt)
        self.augment = augment
        self.listener = listener
        self.batch_sizes = batch_sizes(len(training), settings.batch_size)
        self.mix = make_mixing(settings.augmentation, num_classes=num_classes)
        self.criterion = make_criterion(settings, training.labels, num_classes=num_classes)
        self.average = None if settings.ema_decay is None else averaged_model(self.model, settings.ema_decay)
        self.optimizers = make_optimizers(self.model, settings)
        # Without fp16 the scaler is disabled: it does not scale and has no state.
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.precision == "fp16")
        self.order = torch.Generator().manual_seed(settings.seed)
        seed_everything(settings.seed)
        self.history: list[EpochRecord] = []
        self.best_weights = _weights(self.kept)
        # The caller's key and what only the loop knows: settings, precision, numbers of windows, shapes of weights.
        shapes = [f"{name}{tuple(tensor.shape)}" for name, tensor in self.best_weights.items()]
        counts = f"{len(training)} {0 if validation is None else len(validation)} {num_classes}"
        self.key = "\n".join([key, settings.model_dump_json(), self.precision, counts, *shapes])

    def run(self, checkpoint_path: Path | None) -> Fitted:
        """Run the remaining epochs."""
        self.listener(
            TrainingStarted(
                num_parameters=sum(parameter.numel() for parameter in self.model.parameters()),
                num_epochs=self.settings.epochs,
                device=self.device.type,
                precision=self.precision,
                resumed=tuple(self.history),
            )
        )
        while len(self.history) < self.settings.epochs and not self._has_stalled():
            self.history.append(self._run_epoch(epoch=len(self.history) + 1))
            if kept_epoch(self.history, self.settings) == len(self.history):
                self.best_weights = _weights(self.kept)
            if checkpoint_path is not None:
                save_checkpoint(checkpoint_path, self._checkpoint())
            self.listener(EpochFinished(record=self.history[-1]))
        if not _are_finite(self.best_weights.values()):
            raise _divergence("weights are", self.history[-1].epoch, self.history[-1].learning_rate)
        kept = kept_epoch(self.history, self.settings)
        self.listener(TrainingFinished(best_epoch=kept, stopped_early=self._has_stalled()))
        self.model.load_state_dict(self.best_weights)
        return Fitted(
            model=self.model.cpu().eval(),
            history=tuple(self.history),
            best_epoch=kept,
            device=self.device.type,
            precision=self.precision,
            seconds=sum(record.seconds for record in self.history),
        )

    def _run_epoch(self, epoch: int) -> EpochRecord:
        start = time.perf_counter()
        learning_rate, training_loss = self._train_epoch(epoch)
        validation_loss, macro_f1, accuracy = self._validate()
        return EpochRecord(
            epoch=epoch,
            learning_rate=learning_rate,
            training_loss=training_loss,
            validation_loss=validation_loss,
            validation_macro_f1=macro_f1,
            validation_accuracy=accuracy,
            seconds=time.perf_counter() - start,
        )

    def _train_epoch(self, epoch: int) -> tuple[float, float]:
        """One pass over the training windows in random order; returns the last learning rate and the mean loss."""
        self.model.train()
        order = torch.randperm(len(self.training), generator=self.order).to(self.training.labels.device)
        batches = torch.split(order, self.batch_sizes)
        num_together = self.settings.accumulate_batches
        num_steps = math.ceil(len(batches) / num_together)
        scores = [r.validation_macro_f1 for r in self.history if r.validation_macro_f1 is not None]
        loss_sum = torch.zeros((), device=self.device)
        num_done, last_told, learning_rate = 0, time.perf_counter(), 0.0
        for step in range(num_steps):
            together = batches[step * num_together : (step + 1) * num_together]
            learning_rate = learning_rate_at((epoch - 1) * num_steps + step, num_steps, self.settings, scores)
            set_learning_rate(self.optimizers, learning_rate)
            loss_sum += self._step(together)
            num_done += sum(map(len, together))
            # Reading the loss waits for the device, so divergence is checked only as often as progress is reported.
            if time.perf_counter() - last_told > SECONDS_BETWEEN_PROGRESS:
                _refuse_divergence(loss_sum, epoch, learning_rate)
                self.listener(EpochProgress(epoch=epoch, num_done=num_done, num_total=len(self.training)))
                last_told = time.perf_counter()
        _refuse_divergence(loss_sum, epoch, learning_rate)
        return learning_rate, loss_sum.item() / len(self.training)

    def _step(self, batches: Sequence[Tensor]) -> Tensor:
        """One step of the optimizers on the mean loss of the windows at these indices, one tensor for each batch.

        Returns:
            The sum of the windows' losses, a scalar on the device.
        """
        num_windows = sum(map(len, batches))
        loss_sum = torch.zeros((), device=self.device)
        self.model.zero_grad(set_to_none=True)
        for indices in batches:
            loss = self._loss(self.training.select(indices).to(self.device))
            torch.autograd.backward(self.scaler.scale(loss * (len(indices) / num_windows)))
            loss_sum += loss.detach() * len(indices)
        for optimizer in self.optimizers:
            self.scaler.unscale_(optimizer)
        if self._overflowed():
            for optimizer in self.optimizers:
                optimizer.zero_grad()
        if self.settings.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip_norm)
        for optimizer in self.optimizers:
            self.scaler.step(optimizer)
        self.scaler.update()
        if self.average is not None:
            self.average.update_parameters(self.model)
        return loss_sum

    def _overflowed(self) -> bool:
        """Whether a gradient overflowed in fp16: of several optimizers, the scaler has only its own skip the step."""
        if not self.scaler.is_enabled() or len(self.optimizers) == 1:
            return False
        return not _are_finite(entry.grad for entry in self.model.parameters() if entry.grad is not None)

    def _loss(self, batch: LabelledWindows) -> Tensor:
        """What a batch is to make small: the mean over its windows, with the penalty of the weights."""
        windows, targets, soft = batch.windows, batch.labels, batch.soft
        if self.augment is not None:
            windows = self.augment(windows)
        if self.mix is not None:
            windows, targets, soft = self.mix(windows, targets, soft)
        criterion = self.criterion if soft is None else taught(self.criterion, soft)
        with autocast(self.device, self.precision):
            loss = objective(self.model, windows, targets, criterion, num_classes=self.num_classes)
            if soft is not None:
                loss = matched(loss, self.model, soft)
        if self.settings.l1_penalty:
            loss = loss + self.settings.l1_penalty * l1_norm(self.model)
        return loss

    @torch.inference_mode()
    def _validate(self) -> tuple[float, float, float] | tuple[None, None, None]:
        """Loss, macro-F1 and accuracy of the validation windows, in the precision of training; None without any."""
        if self.validation is None:
            return None, None, None
        model = self.kept.eval()
        with autocast(self.device, self.precision):
            logits_of_batches = [
                model(windows.to(self.device)).float()
                for windows in torch.split(self.validation.windows, VALIDATION_BATCH_SIZE)
            ]
        logits, labels = torch.cat(logits_of_batches), self.validation.labels.to(self.device)
        loss = cross_entropy(logits, labels).item()
        y_true, y_pred = labels.cpu().numpy(), logits.argmax(dim=1).cpu().numpy()
        macro_f1 = f1_score(y_true, y_pred, labels=self.activities, average="macro", zero_division=0.0)
        return loss, float(macro_f1), float(accuracy_score(y_true, y_pred))

    def resume(self, path: Path) -> None:
        """Restore the state of an interrupted run, if there is a checkpoint of this training."""
        try:
            checkpoint = load_checkpoint(path, key=self.key)
        except UnusableCheckpointError as error:
            logger.warning("The checkpoint %s is not used, training starts at the first epoch: %s", path, error)
            self.listener(CheckpointIgnored(path=path, reason=str(error)))
            return
        if checkpoint is None:
            return
        self.model.load_state_dict(checkpoint.model)
        if self.average is not None:
            self.average.load_state_dict(checkpoint.average)
        for optimizer, state in zip(self.optimizers, checkpoint.optimizers, strict=True):
            optimizer.load_state_dict(state)
        self.scaler.load_state_dict(checkpoint.scaler)
        self.order.set_state(checkpoint.order)
        restore_generators(checkpoint.generators)
        self.best_weights = checkpoint.best_model
        self.history = list(checkpoint.history)

    def _checkpoint(self) -> Checkpoint:
        return Checkpoint(
            key=self.key,
            model=_weights(self.model),
            best_model=self.best_weights,
            average={} if self.average is None else _weights(self.average),
            optimizers=[optimizer.state_dict() for optimizer in self.optimizers],
            scaler=self.scaler.state_dict(),
            order=self.order.get_state(),
            generators=generator_states(),
            history=tuple(self.history),
        )

    @property
    def kept(self) -> nn.Module:
        """The network that is validated and whose weights are kept: the average, if there is one."""
        return self.model if self.average is None else self.average.module

    def _has_stalled(self) -> bool:
        """Whether early stopping ends the training here."""
        patience = self.settings.early_stopping_patience
        return patience is not None and bool(self.history) and self._num_since_kept() >= patience

    def _num_since_kept(self) -> int:
        return len(self.history) - kept_epoch(self.history, self.settings)


def kept_epoch(history: Sequence[EpochRecord], settings: TrainingSettings) -> int:
    """The last epoch, or the first one with the highest validation macro-F1, counted from 1."""
    if settings.keep == "last":
        return len(history)
    return max(history, key=lambda record: (record.validation_macro_f1 or 0.0, -record.epoch)).epoch


def _weights(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().to("cpu", copy=True) for name, tensor in model.state_dict().items()}


def _are_finite(tensors: Iterable[Tensor]) -> bool:
    return all(bool(tensor.isfinite().all()) for tensor in tensors)


def _refuse_divergence(loss_sum: Tensor, epoch: int, learning_rate: float) -> None:
    if not math.isfinite(loss_sum.item()):
        raise _divergence("the loss is", epoch, learning_rate)


def _divergence(what: str, epoch: int, learning_rate: float) -> HarError:
    return HarError(
        f"Training diverged: {what} no longer finite in epoch {epoch} at learning rate {learning_rate:.3g}; "
        "lower learning_rate, or set warmup_epochs or clip_norm"
    )
