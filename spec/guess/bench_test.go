package guess_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"switchyard/spec/guess"
)

// BenchmarkSay is what a line in a log takes.
func BenchmarkSay(b *testing.B) {
	random := make([]byte, 1000)
	source := rand.NewChaCha8([32]byte{})
	_, _ = source.Read(random)
	for name, data := range map[string][]byte{
		"capture": captures(b)[5].data[:300], "random": random, "zeros": make([]byte, 16000),
		"mtis": bytes.Repeat([]byte("0800"), 4000), "packed": bytes.Repeat([]byte{8, 0, 0x20}, 5000),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				guess.Say(data, guess.Options{})
			}
		})
	}
}
