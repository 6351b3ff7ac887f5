from __future__ import annotations

from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from trainer.config import ConfigError, DeviceConfig, ModelConfig
from trainer.losses import mean_over_labelled, partial_cross_entropy
from trainer.models import build_model
from trainer.models.blocks import DoublingConv
from trainer.precision import choose_precision
from trainer.predict.folded import folded

KINDS = list(product(("unet", "unetplusplus"), ("transposed", "bilinear")))


@pytest.mark.parametrize(("name", "upsampling"), KINDS)
@pytest.mark.parametrize("levels", [2, 3, 5])
def test_the_output_has_the_size_of_the_input(name: str, upsampling: str, levels: int) -> None:
    model = build_model(ModelConfig(name=name, width=4, levels=levels, upsampling=upsampling), 4, 3)
    size = 2 * model.multiple, 3 * model.multiple
    assert model(torch.rand(2, 4, *size)).shape == (2, 3, *size)


def test_the_report_s_sizes() -> None:
    """Counts of the 64-wide networks, worked out by hand from the papers' figures: 31.04 and 36.17 million."""
    counts = [
        sum(p.numel() for p in build_model(ModelConfig(name=name, width=64), 3, 5).parameters())
        for name in ("unet", "unetplusplus")
    ]
    assert counts == [31_037_893, 36_165_509]


def test_nodes_bear_the_paper_s_names() -> None:
    model = build_model(ModelConfig(name="unetplusplus", width=4), 3, 2)
    assert sorted(model.nodes) == sorted(f"x{i}{j}" for i in range(5) for j in range(5 - i))
    assert model.nodes["x03"][0].in_channels == 4 * 4  # X^{0,0..2} and the one from below
    assert list(model.heads) == ["x04"]


@pytest.mark.parametrize(("name", "upsampling"), KINDS)
@pytest.mark.parametrize("levels", [2, 3, 4])
def test_a_pixel_beyond_reach_changes_nothing(name: str, upsampling: str, levels: int) -> None:
    torch.manual_seed(0)
    model = build_model(ModelConfig(name=name, width=8, levels=levels, upsampling=upsampling), 1, 2).eval()
    middle = 2 * model.reach
    image = torch.rand(1, 1, 4 * model.reach, 4 * model.reach)
    with torch.inference_mode():
        before = model(image)
        for row, column in product((-model.reach - 1, model.reach + 1), repeat=2):
            changed = image.clone()
            changed[0, 0, middle + row, :] += 50
            changed[0, 0, :, middle + column] -= 50
            assert torch.equal(model(changed)[0, :, middle, middle], before[0, :, middle, middle])
        changed = image.clone()
        changed[0, 0, middle + 3, middle - 3] += 50
        assert not torch.equal(model(changed)[0, :, middle, middle], before[0, :, middle, middle])


@pytest.mark.parametrize(("name", "upsampling"), KINDS)
def test_reach_is_as_tight_as_the_grid_allows(name: str, upsampling: str) -> None:
    """With positive weights and averaging no path cancels, so the gradient shows all that a pixel depends on."""
    model = build_model(ModelConfig(name=name, width=4, upsampling=upsampling, levels=3), 1, 2).double().eval()
    model.pool = nn.AvgPool2d(2)
    for parameter in model.parameters():
        parameter.data.abs_()
    farthest = 0
    for offset in range(model.multiple):
        middle = 2 * model.reach + offset
        image = torch.rand(1, 1, 4 * model.reach + 16, 4 * model.reach + 16, dtype=torch.float64, requires_grad=True)
        model(image)[0, :, middle, middle].sum().backward()
        distances = (image.grad[0, 0].nonzero() - middle).abs()
        farthest = max(farthest, int(distances.max()))
    assert model.reach - model.multiple < farthest <= model.reach


def test_deep_supervision() -> None:
    torch.manual_seed(0)
    model = build_model(ModelConfig(name="unetplusplus", width=4, levels=3, deep_supervision=True), 3, 5)
    images = torch.rand(2, 3, 16, 16)
    heads = model(images)
    assert [h.shape for h in heads] == [(2, 5, 16, 16)] * 2
    sum(h.sum() for h in heads).backward()
    assert all(p.grad is not None for p in model.parameters())
    model.eval()
    joint = model(images)
    seen = []
    for head in model.heads.values():
        head.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    model(images)
    torch.testing.assert_close(joint, (seen[0] + seen[1]) / 2)


@pytest.mark.parametrize("name", ["unet", "unetplusplus"])
@pytest.mark.parametrize("norm", ["batch", "group"])
def test_every_parameter_learns_and_the_loss_falls(name: str, norm: str) -> None:
    torch.manual_seed(0)
    model = build_model(ModelConfig(name=name, width=8, levels=3, norm=norm), 3, 3)
    images = torch.rand(4, 3, 16, 16)
    labels = images.argmax(1).to(torch.int8)
    labels[torch.rand(labels.shape) < 0.8] = -1
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    losses = []
    for _ in range(30):
        loss = mean_over_labelled(*partial_cross_entropy(model(images), labels))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert all(p.grad is not None for p in model.parameters())
    assert losses[-1] < 0.5 * losses[0]


def test_wrong_input_is_answered_with_what_to_do() -> None:
    model = build_model(ModelConfig(width=4, levels=4), 3, 5)
    with pytest.raises(ValueError, match=r"multiples of 8, not 30 x 64: pad to 32 x 64"):
        model(torch.rand(1, 3, 30, 64))
    with pytest.raises(ValueError, match=r"takes \(batch, 3, height, width\)"):
        model(torch.rand(1, 4, 32, 32))
    with pytest.raises(ConfigError, match="deep supervision needs"):
        ModelConfig(deep_supervision=True)


PAPER = ModelConfig(width=8, levels=3, upsampling="bilinear", align_corners=True, bottleneck="half", init="torch")


def test_a_pixel_beyond_reach_changes_nothing_with_aligned_corners_either() -> None:
    torch.manual_seed(0)
    model = build_model(PAPER, 1, 2).eval()
    middle = 2 * model.reach
    image = torch.rand(1, 1, 4 * model.reach, 4 * model.reach)
    with torch.inference_mode():
        before = model(image)
        for distance in range(model.reach + 1, 2 * model.reach):
            changed = image.clone()
            changed[0, 0, middle + distance] += 50
            assert torch.equal(model(changed)[0, :, middle, middle], before[0, :, middle, middle])


def test_the_narrow_network_computes_what_its_description_says() -> None:
    """The same weights, put together by hand: double convolutions, pooling, aligned upsampling, concatenation."""
    torch.manual_seed(0)
    model = build_model(PAPER, 3, 5).eval()
    weights = list(model.state_dict().values())
    taken = iter(weights)

    def double(x: torch.Tensor) -> torch.Tensor:
        for _ in range(2):
            kernel, gain, shift, mean, variance, _steps = (next(taken) for _ in range(6))
            x = nn.functional.conv2d(x, kernel, padding=1)
            x = ((x - mean[:, None, None]) / (variance + 1e-5)[:, None, None].sqrt()) * gain[:, None, None]
            x = (x + shift[:, None, None]).clamp(min=0)
        return x

    def up(x: torch.Tensor) -> torch.Tensor:
        return nn.functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)

    image = torch.rand(2, 3, 16, 24)
    top = double(image)
    middle = double(nn.functional.max_pool2d(top, 2))
    bottom = double(nn.functional.max_pool2d(middle, 2))
    assert (top.shape[1], middle.shape[1], bottom.shape[1]) == (8, 16, 16)
    x = double(torch.cat([middle, up(bottom)], 1))
    assert x.shape[1] == 8
    x = double(torch.cat([top, up(x)], 1))
    expected = nn.functional.conv2d(x, next(taken), next(taken))
    with torch.inference_mode():
        torch.testing.assert_close(model(image), expected)


def test_first_weights() -> None:
    torch.manual_seed(0)
    theirs = nn.Conv2d(3, 8, 3, padding=1, bias=False).weight
    torch.manual_seed(0)
    assert torch.equal(build_model(PAPER, 3, 5).encoder[0][0].weight, theirs)
    own = build_model(ModelConfig(width=64, levels=3), 3, 5).encoder[1][3].weight
    assert float(own.detach().std()) == pytest.approx((2 / (128 * 9)) ** 0.5, rel=0.03)  # He et al. 2015, fan out


def test_what_does_not_go_together_is_said() -> None:
    for chosen in (
        {"bottleneck": "half"},
        {"bottleneck": "half", "name": "unetplusplus", "upsampling": "bilinear"},
        {"align_corners": True},
    ):
        with pytest.raises(ConfigError, match="bilinear"):
            ModelConfig(**chosen)


@pytest.mark.parametrize(("height", "width"), [(4, 4), (3, 5), (1, 7)])
def test_a_doubling_convolution_is_torch_s_transposed_one(height: int, width: int) -> None:
    torch.manual_seed(0)
    ours = DoublingConv(6, 4).double().train()
    theirs = nn.ConvTranspose2d(6, 4, 2, stride=2).double()
    theirs.load_state_dict(ours.state_dict())
    images = [torch.rand(2, 6, height, width, dtype=torch.float64).requires_grad_() for _ in range(2)]
    images[1].data.copy_(images[0].data)
    outputs = [layer(image) for layer, image in zip((ours, theirs), images, strict=True)]
    torch.testing.assert_close(outputs[0], outputs[1])
    wanted = torch.rand_like(outputs[0])
    for output in outputs:
        (output * wanted).sum().backward()
    torch.testing.assert_close(images[0].grad, images[1].grad)
    for own, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(own.grad, other.grad)
    torch.testing.assert_close(ours.eval()(images[0]), outputs[1])


@pytest.mark.parametrize("norm", ["batch", "group"])
@pytest.mark.parametrize(("name", "upsampling"), KINDS)
def test_a_folded_network_gives_the_same_logits(name: str, upsampling: str, norm: str) -> None:
    torch.manual_seed(0)
    model = build_model(ModelConfig(name=name, width=8, levels=3, upsampling=upsampling, norm=norm), 3, 5).train()
    for _ in range(5):
        model(torch.randn(4, 3, 16, 16))  # statistics that differ from 0 and 1
    model.eval()
    image = torch.randn(2, 3, 32, 32)
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    with torch.inference_mode():
        expected = model(image)
        for precision, tolerance in (("float32", 1e-5), ("bfloat16", 0.05)):
            chosen = choose_precision(DeviceConfig(device="cpu", precision=precision, threads=torch.get_num_threads()))
            quick = folded(model, chosen)
            assert norm == "group" or not any(isinstance(m, nn.BatchNorm2d) for m in quick.modules())
            with chosen.autocast():
                found = quick(chosen.images(image))
            torch.testing.assert_close(found.float(), expected, rtol=0, atol=tolerance * float(expected.abs().max()))
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(
        [
            ModelConfig(width=4, levels=3),
            ModelConfig(width=4, levels=4, upsampling="bilinear"),
            ModelConfig(width=4, levels=3, upsampling="bilinear", bottleneck="half"),
        ]
    ),
    st.integers(1, 6),
    st.integers(1, 6),
    st.data(),
)
def test_a_part_is_decoded_as_in_the_whole(config, down, across, data):
    torch.manual_seed(0)
    model = build_model(config, 3, 4).eval()
    height, width = (n * config.multiple for n in (down, across))
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    bottom, right = data.draw(st.integers(top + 1, height)), data.draw(st.integers(left + 1, width))
    image = torch.randn(1, 3, height, width)
    with torch.no_grad():
        whole = model(image)
        part = model(image, (slice(top, bottom), slice(left, right)))
    assert part.shape == (1, 4, bottom - top, right - left)
    assert torch.allclose(part, whole[..., top:bottom, left:right], atol=1e-5)
