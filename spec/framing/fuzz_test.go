package framing_test

import (
	"bufio"
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"switchyard/spec/framing"
)

// FuzzCut cuts any bytes in any format: it is the same frame, or the same error, whatever the pieces that they come in.
func FuzzCut(f *testing.F) {
	for _, c := range formats {
		f.Add(c.text, []byte("\x00\x070007MESSAGE\x03"))
	}
	f.Add("bcd2+tpdu", []byte("\x00\x06\x60\x00\x00\x00\x00A"))
	f.Add("none+visa", []byte("\x16\x01\x02\x00\x17\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00A"))
	f.Fuzz(func(t *testing.T, text string, data []byte) {
		format, err := framing.Parse(text)
		if err != nil {
			return
		}
		if again, err := framing.Parse(format.String()); err != nil || again.String() != format.String() {
			t.Fatalf("%q is %q, which is read as %q, %v", text, format, again, err)
		}
		frame, need, err := format.Cut(data, limit)
		refused := new(framing.Error)
		switch {
		case err != nil:
			if !errors.As(err, &refused) || need != 0 || refused.Size < 0 || refused.Size > framing.MaxFrame {
				t.Fatalf("%s: need %d, %v", text, need, err)
			}
		case need > 0:
			if need <= len(data) {
				t.Fatalf("%s: need %d of %d bytes", text, need, len(data))
			}
		case frame.Size > len(data) || len(frame.Message) == 0 || len(frame.Head)+len(frame.Message) > frame.Size:
			t.Fatalf("%s: a frame of %d bytes with %d and %d in it", text, frame.Size, len(frame.Head), len(frame.Message))
		}
		if !format.Delimited() {
			return
		}
		in := bufio.NewReaderSize(iotest.OneByteReader(bytes.NewReader(data)), limit+framing.MaxOverhead)
		peeked, err := format.Peek(in, limit)
		switch short := new(framing.CutShort); {
		case need > 0 && !errors.As(err, &short):
			t.Fatalf("%s: byte by byte: %v, want more bytes", text, err)
		case refused.Want != "" && (err == nil || err.Error() != refused.Error()):
			t.Fatalf("%s: byte by byte: %v, want %v", text, err, refused)
		case frame.Size > 0 && (err != nil || !bytes.Equal(peeked.Message, frame.Message) || peeked.Size != frame.Size):
			t.Fatalf("%s: byte by byte: %+v, %v, want %+v", text, peeked, err, frame)
		}
	})
}

// FuzzAppend frames any message in any format, as a request and as the answer to it: both are read as they were.
func FuzzAppend(f *testing.F) {
	for _, c := range formats {
		f.Add(c.text, []byte("MESSAGE"))
	}
	f.Fuzz(func(t *testing.T, text string, message []byte) {
		format, err := framing.Parse(text)
		if err != nil || len(message) == 0 || len(message) > limit {
			return
		}
		request, err := format.Append(nil, message)
		if err != nil {
			if len(message) <= format.MaxMessage() && !strings.Contains(err.Error(), "a message without the trailer") {
				t.Fatalf("%s: %d bytes: %v", text, len(message), err)
			}
			return
		}
		got, need, err := format.Cut(request, limit)
		if err != nil || need != 0 || got.Size != len(request) || !bytes.Equal(got.Message, message) {
			t.Fatalf("%s: %x is read as %x of %d bytes, need %d, %v", text, request, got.Message, got.Size, need, err)
		}
		answer, err := format.Answer(nil, message, got.Head)
		if err != nil {
			t.Fatal(err)
		}
		back, need, err := format.Cut(answer, limit)
		if err != nil || need != 0 || back.Size != len(answer) || !bytes.Equal(back.Message, message) {
			t.Fatalf("%s: %x is read as %x of %d bytes, need %d, %v", text, answer, back.Message, back.Size, need, err)
		}
		twice, err := format.Answer(nil, message, back.Head)
		if err != nil || !bytes.Equal(twice, request) {
			t.Fatalf("%s: swapped twice: %x, want %x, %v", text, twice, request, err)
		}
	})
}
