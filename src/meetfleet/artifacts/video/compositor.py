"""From scenes and decoded pictures to the composed picture. Repaints only what changed."""

import av
from av.video.reformatter import Interpolation, VideoReformatter

from meetfleet.artifacts.video.canvas import BACKGROUND, Canvas, Patch, colour, views
from meetfleet.artifacts.video.geometry import Rect, Size, centred, even, fit
from meetfleet.artifacts.video.lettering import count_patch, name_patch, still_patch
from meetfleet.artifacts.video.plan import TrackKey
from meetfleet.artifacts.video.scene import GAP, Scene, Tile, TileKind

SPEAKING = colour(92, 148, 255)
BAR = colour(8, 8, 10)


class Compositor:
    """Holds the newest picture of every visible track and paints the tiles whose content changed.

    Args:
        size: Of the composed picture.
    """

    def __init__(self, size: Size) -> None:
        self._canvas = Canvas(size)
        self._scene = Scene(0, ())
        self._pictures: dict[TrackKey, av.VideoFrame] = {}
        self._scalers: dict[TrackKey, VideoReformatter] = {}
        self._boxes: dict[Rect, Rect | None] = {}
        self._stale: set[Tile] = set()

    def show(self, scene: Scene) -> bool:
        """Changes to another scene; tiles that stand as before are not painted again.

        Returns:
            Whether the largest tile shows something else: a cut.
        """
        is_cut = _main(scene) != _main(self._scene)
        if _frame_of(scene) != _frame_of(self._scene):
            self._clear(scene)
            self._stale = set(scene.tiles)
        else:
            self._stale = {tile for tile in scene.tiles if tile in self._stale or tile not in self._scene.tiles}
        self._scene = scene
        return is_cut

    def picture(self, track: TrackKey, frame: av.VideoFrame | None) -> bool:
        """Takes a track's next picture, None when it has lost it; whether anything visible changed."""
        if frame is None:
            self._pictures.pop(track, None)
        else:
            self._pictures[track] = frame
        touched = [tile for tile in self._scene.tiles if tile.track == track]
        self._stale.update(touched)
        return bool(touched)

    def compose(self) -> av.VideoFrame:
        """The composed picture; its memory is painted over by the next call."""
        for tile in self._scene.tiles:
            if tile in self._stale:
                self._paint(tile)
        self._stale.clear()
        return self._canvas.frame

    def _clear(self, scene: Scene) -> None:
        size = self._canvas.size
        self._canvas.fill(Rect(0, 0, size.width, size.height), BACKGROUND)
        self._boxes.clear()
        for tile in scene.tiles:
            if tile.is_speaking:
                self._canvas.outline(tile.rect, GAP // 2, SPEAKING)

    def _paint(self, tile: Tile) -> None:
        if tile.kind is TileKind.LINE:
            self._paint_line(tile)
            return
        frame = self._pictures.get(tile.track) if tile.track is not None else None
        if frame is not None and tile.track is not None:
            self._paint_picture(tile, tile.track, frame)
        else:
            self._boxes[tile.rect] = None
            self._canvas.paste(_still(tile).planes, tile.rect)
        self._paint_name(tile)

    def _paint_picture(self, tile: Tile, track: TrackKey, frame: av.VideoFrame) -> None:
        box = fit(Size(frame.width, frame.height), tile.rect)
        if self._boxes.get(tile.rect) != box:
            self._canvas.fill(tile.rect, BAR)
            self._boxes[tile.rect] = box
        self._canvas.paste(views(self._scaled(track, frame, box.size)), box)

    def _scaled(self, track: TrackKey, frame: av.VideoFrame, size: Size) -> av.VideoFrame:
        if (frame.width, frame.height, frame.format.name) == (size.width, size.height, "yuv420p"):
            return frame
        scaler = self._scalers.setdefault(track, VideoReformatter())
        how = Interpolation.BILINEAR if frame.width <= size.width else Interpolation.AREA
        return scaler.reformat(
            frame, width=size.width, height=size.height, format="yuv420p", interpolation=how, threads=1
        )

    def _paint_line(self, tile: Tile) -> None:
        self._canvas.fill(tile.rect, BACKGROUND)
        patch = name_patch(f"{tile.name} presents", even(tile.rect.height * 0.8), tile.rect.width)
        if patch is not None:
            self._canvas.paste(patch.planes, centred(patch.size, tile.rect))

    def _paint_name(self, tile: Tile) -> None:
        text = tile.name if tile.kind is TileKind.CAMERA else ""
        height = even(min(tile.rect.height, max(20, 14 + tile.rect.height * 0.03)))
        margin = even(max(2, height * 0.3))
        patch = name_patch(text, height, tile.rect.width - 2 * margin) if text else None
        if patch is not None:
            size = patch.size
            bottom = tile.rect.bottom - margin
            self._canvas.paste(patch.planes, Rect(tile.rect.x + margin, bottom - size.height, size.width, size.height))


def _main(scene: Scene) -> tuple[str, TrackKey | None] | None:
    largest = max(scene.tiles, key=lambda tile: tile.rect.width, default=None)
    return (largest.participant_id, largest.track) if largest else None


def _frame_of(scene: Scene) -> list[tuple[Rect, bool]]:
    """What lies around the tiles."""
    return [(tile.rect, tile.is_speaking) for tile in scene.tiles]


def _still(tile: Tile) -> Patch:
    if tile.kind is TileKind.MORE:
        return count_patch(tile.count, tile.rect.size)
    return still_patch(tile.name, tile.participant_id, tile.rect.size)
