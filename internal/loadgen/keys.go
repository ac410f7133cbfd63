package loadgen

import (
	"encoding/binary"
	"encoding/hex"
	"hash/fnv"
	"strconv"
)

// keys makes the idempotency keys of a run: the same one for the same request, and none that another run makes.
type keys struct {
	run    string
	random bool
	salt   uint64 // of random ones, from run
}

// newKeys makes those of a run. They begin with its name and count up, so that a switch finds them beside each other;
// random ones are UUIDs, in no order, as many callers make them.
func newKeys(run string, random bool) keys {
	k := keys{run: run, random: random}
	if random {
		h := fnv.New64a()
		_, _ = h.Write([]byte(run)) // it returns no error
		k.salt = h.Sum64()
	}
	return k
}

// append appends the key of request n.
func (k *keys) append(b []byte, n uint64) []byte {
	if k.random {
		return k.appendUUID(b, n, 0)
	}
	b = append(b, k.run...)
	return strconv.AppendUint(b, n, 36)
}

// appendStep appends the key of a step of flow n.
func (k *keys) appendStep(b []byte, n uint64, step int) []byte {
	if k.random {
		return k.appendUUID(b, n, step)
	}
	b = append(k.append(b, n), '-')
	return strconv.AppendInt(b, int64(step), 10)
}

// appendUUID appends one of version 4, RFC 9562.
func (k *keys) appendUUID(b []byte, n uint64, step int) []byte {
	const version, variant = 0x4000, 1 << 63
	high := mix(mix(n+k.salt) + uint64(step))
	low := mix(high ^ k.salt)
	var u [16]byte
	binary.BigEndian.PutUint64(u[:], high&^0xf000|version)
	binary.BigEndian.PutUint64(u[8:], low&^(3<<62)|variant)
	b = hex.AppendEncode(b, u[:4])
	for _, part := range [][]byte{u[4:6], u[6:8], u[8:10], u[10:]} {
		b = hex.AppendEncode(append(b, '-'), part)
	}
	return b
}
