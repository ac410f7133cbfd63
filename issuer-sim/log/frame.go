package log

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

// readFrame reads the frame at an offset. reason says why there is no good one.
func readFrame(f io.ReaderAt, offset, size int64) (payload []byte, number uint32, reason string, err error) {
	var header [frameHeader]byte
	if size-offset < frameHeader {
		return nil, 0, "fewer bytes than a frame's header", nil
	}
	if _, err := f.ReadAt(header[:], offset); err != nil && !errors.Is(err, io.EOF) {
		return nil, 0, "", err
	}
	length, number, ok := parseHeader(header[:])
	switch {
	case !ok:
		return nil, 0, "a header that does not match its checksum", nil
	case offset+frameHeader+length > size:
		return nil, 0, "fewer bytes than the frame's length", nil
	}
	payload = make([]byte, length)
	if _, err := f.ReadAt(payload, offset+frameHeader); err != nil && !errors.Is(err, io.EOF) {
		return nil, 0, "", err
	}
	if crc32.Checksum(payload, castagnoli) != binary.BigEndian.Uint32(header[4:]) {
		return nil, 0, "a payload that does not match its checksum", nil
	}
	return payload, number, "", nil
}

func parseHeader(b []byte) (length int64, number uint32, ok bool) {
	ok = crc32.Checksum(b[:12], castagnoli) == binary.BigEndian.Uint32(b[12:])
	return int64(binary.BigEndian.Uint32(b)), binary.BigEndian.Uint32(b[8:]), ok
}

// nextFrame looks for a good frame with a number above after, byte by byte; −1 if there is none.
func nextFrame(f io.ReaderAt, offset, size int64, after uint32) (int64, error) {
	const window = 1 << 20
	buf := make([]byte, window+frameHeader)
	for ; offset+frameHeader <= size; offset += window {
		n, err := f.ReadAt(buf[:min(int64(len(buf)), size-offset)], offset)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		for i := 0; i+frameHeader <= n && i < window; i++ {
			if _, number, ok := parseHeader(buf[i : i+frameHeader]); !ok || number <= after {
				continue
			}
			if _, _, reason, err := readFrame(f, offset+int64(i), size); err != nil || reason == "" {
				return offset + int64(i), err
			}
		}
	}
	return -1, nil
}
