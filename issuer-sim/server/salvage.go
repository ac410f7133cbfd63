package server

import (
	"encoding/hex"
	"errors"

	"github.com/moov-io/iso8583/encoding"

	"switchyard/spec"
)

// salvage unpacks what stands before the element that a message failed at, so that its sender can be told: the bitmap
// is cut off there, and then the bytes that it no longer speaks of. False if that leaves nothing to go by.
func (s *Server) salvage(frame []byte, failed *spec.FieldError, m *spec.Message) bool {
	const stan = 11
	if failed.DE <= stan {
		return false
	}
	fields := s.codec.Spec().Fields
	mtiBytes := 4
	if enc := fields[0].Spec().Enc; enc == encoding.BCD || enc == encoding.LBCD {
		mtiBytes = 2
	}
	isHex := fields[1].Spec().Enc == encoding.BytesToASCIIHex
	half := 8
	if isHex {
		half = 16
	}
	if len(frame) < mtiBytes+half {
		return false
	}
	var bitmap [8]byte
	if isHex {
		if _, err := hex.Decode(bitmap[:], frame[mtiBytes:mtiBytes+half]); err != nil {
			return false
		}
	} else {
		copy(bitmap[:], frame[mtiBytes:])
	}
	rest := frame[mtiBytes+half:]
	if bitmap[0]&0x80 != 0 {
		// The second half goes as a whole: nothing that an answer repeats stands in it.
		if len(rest) < half {
			return false
		}
		rest = rest[half:]
		bitmap[0] &^= 0x80
	}
	for de := failed.DE; de <= 64; de++ {
		bitmap[(de-1)/8] &^= 0x80 >> ((de - 1) % 8)
	}
	cut := append([]byte(nil), frame[:mtiBytes]...)
	if isHex {
		cut = append(cut, hex.EncodeToString(bitmap[:])...)
	} else {
		cut = append(cut, bitmap[:]...)
	}
	cut = append(cut, rest...)
	// The codec refuses bytes behind the last field, and says where they begin.
	err := s.codec.Unpack(cut, m)
	var trailing *spec.FieldError
	if errors.As(err, &trailing) && trailing.DE == -1 && trailing.Offset > 0 && trailing.Offset < len(cut) {
		err = s.codec.Unpack(cut[:trailing.Offset], m)
	}
	return err == nil
}
