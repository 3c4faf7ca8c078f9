"""Drives a running diffgentor server with the official OpenAI SDK for Python. Usage: openai_sdk.py URL"""

import base64
import io
import sys

import openai
from openai import OpenAI

PNG_HEAD = b"\x89PNG\r\n\x1a\n"


def main(url: str) -> None:
    client = OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0)

    # Case 14: extra_body reaches the backend, so the same seed gives the same picture.
    extra = {"seed": 1, "num_inference_steps": 5}
    first = client.images.generate(prompt="x", n=1, extra_body=extra)
    second = client.images.generate(prompt="x", n=1, extra_body=extra)
    picture = base64.b64decode(first.data[0].b64_json)
    assert picture.startswith(PNG_HEAD)
    assert first.data[0].b64_json == second.data[0].b64_json
    assert b"Steps: 5" in picture and b"Seed: 1" in picture
    assert first._request_id

    # Case 20: a stream gives typed events.
    events = list(client.images.generate(prompt="x", stream=True, partial_images=1))
    assert [type(event).__name__ for event in events] == ["ImageGenPartialImageEvent", "ImageGenCompletedEvent"]

    # Case 23: raw bytes are sent as `upload` without a type.
    edited = client.images.edit(prompt="x", image=io.BytesIO(picture))
    assert base64.b64decode(edited.data[0].b64_json).startswith(PNG_HEAD)
    several = client.images.edit(prompt="x", image=[picture, picture])
    assert len(several.data) == 1

    # Chat, with parameters merged into the top level.
    chat = client.chat.completions.create(
        model="fake-1",
        messages=[{"role": "user", "content": "a red apple"}],
        extra_body={"size": "32x32", "num_outputs_per_prompt": 2},
    )
    assert len(chat.choices[0].message.content) == 2

    assert [model.id for model in client.models.list()] == ["acme/fake-1"]
    assert client.models.retrieve("acme/fake-1").owned_by == "diffgentor"
    try:
        client.models.retrieve("none")
    except openai.NotFoundError as error:
        assert error.code == "model_not_found"
    else:
        raise AssertionError("an unknown model was found")
    try:
        client.images.generate(prompt="x", size="huge")
    except openai.BadRequestError as error:
        assert error.param == "size"
    else:
        raise AssertionError("an impossible size was drawn")
    draw_videos(client)
    print(f"openai {openai.__version__}: ok")


def draw_videos(client: OpenAI) -> None:
    # Case 42: text alone. Case 43: the SDK's own helper waits, then the film is fetched.
    ordered = client.videos.create(prompt="x", seconds="4")
    assert (ordered.object, ordered.status, ordered.seconds) == ("video", "queued", "4")
    done = client.videos.poll(ordered.id)
    assert (done.status, done.progress, done.error) == ("completed", 100, None)
    film = client.videos.download_content(done.id).read()
    assert film[4:8] == b"ftyp"
    thumbnail = client.videos.download_content(done.id, variant="thumbnail").read()
    assert thumbnail[8:12] == b"WEBP"

    other = client.videos.create_and_poll(prompt="y", size="72x128", input_reference=("start.webp", thumbnail))
    assert (other.status, other.size) == ("completed", "72x128")
    remixed = client.videos.remix(done.id, prompt="z")
    assert remixed.remixed_from_video_id == done.id
    assert client.videos.poll(remixed.id).status == "completed"

    # An iteration follows `has_more` from page to page.
    # The server may hold videos of others.
    assert [video.id for video in client.videos.list(limit=1)][:3] == [remixed.id, other.id, done.id]
    deletion = client.videos.delete(done.id)
    assert (deletion.id, deletion.object, deletion.deleted) == (done.id, "video.deleted", True)
    try:
        client.videos.retrieve(done.id)
    except openai.NotFoundError as error:
        assert "Video not found" in str(error)
    else:
        raise AssertionError("a deleted video was found")


if __name__ == "__main__":
    main(sys.argv[1])
