"""A program of its own: one foreign picture in, one clean picture out.

Reads a JPEG, PNG or WebP from standard input and writes it as a JPEG of 1280x720 to standard output. Whatever a broken
or hostile file does to the decoder happens here: with little memory, few seconds, and nothing worth stealing. Exit code
1 and one line on standard error if it is no such picture.
"""

import io
import resource
import sys
import warnings

from PIL import Image, ImageOps

SIZE = (1280, 720)
FORMATS = ("JPEG", "PNG", "WEBP")
MAX_PIXELS = 40_000_000
QUALITY = 88
_MEMORY_BYTES = 1_500_000_000
_CPU_S = 20


def camera_picture(data: bytes) -> bytes:
    """The picture as the bot's camera shows it: whole, in the middle, black where its shape leaves room.

    Raises:
        ValueError: it is no JPEG, PNG or WebP, or has too many pixels.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(f"{image.width}x{image.height} are more than {MAX_PIXELS // 1_000_000} megapixels.")
            image.draft("RGB", SIZE)
            return _jpeg(ImageOps.exif_transpose(image))
    except Image.UnidentifiedImageError:
        raise ValueError("This is no JPEG, PNG or WebP picture.") from None
    except (OSError, SyntaxError, EOFError) as error:
        raise ValueError(f"The picture is damaged: {error}") from error


def _jpeg(image: Image.Image) -> bytes:
    fitted = ImageOps.contain(image.convert("RGBA"), SIZE)
    canvas = Image.new("RGB", SIZE)
    canvas.paste(fitted, ((SIZE[0] - fitted.width) // 2, (SIZE[1] - fitted.height) // 2), fitted)
    file = io.BytesIO()
    canvas.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    warnings.simplefilter("error", Image.DecompressionBombWarning)


def main() -> int:
    """Reads, converts, writes."""
    _limit()
    try:
        sys.stdout.buffer.write(camera_picture(sys.stdin.buffer.read()))
    except (ValueError, MemoryError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        print(str(error) or type(error).__name__, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
