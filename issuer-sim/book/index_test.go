package book

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// An index does what a map does, also where many keys want the same slots.
func TestIndex(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var x index
		want := map[uint64]uint64{}
		// Keys of few values meet often; those a step of 2⁵⁸ apart begin at the same slots.
		few := rapid.Uint64Range(0, 40)
		keys := rapid.OneOf(few, rapid.Map(few, func(n uint64) uint64 { return n << 58 }), rapid.Uint64())
		for n := range rapid.IntRange(0, 400).Draw(t, "steps") {
			key, number := keys.Draw(t, "key"), uint64(n)+1
			switch rapid.IntRange(0, 4).Draw(t, "do") {
			case 0:
				x.remove(key, want[key])
				delete(want, key)
			case 1:
				x.remove(key, want[key]+1) // another one's
			default:
				x.put(key, number)
				want[key] = number
			}
			if got := x.get(key); got != want[key] {
				t.Fatalf("key %d: %d, want %d", key, got, want[key])
			}
		}
		for key, number := range want {
			if got := x.get(key); got != number {
				t.Fatalf("at the end, key %d: %d, want %d", key, got, number)
			}
		}
		var got []uint64
		x.numbers(func(n uint64) bool { got = append(got, n); return true })
		slices.Sort(got)
		if all := slices.Sorted(maps.Values(want)); !slices.Equal(got, all) || x.used != len(want) {
			t.Fatalf("%d numbers %v, want %v", x.used, got, all)
		}
	})
}

func BenchmarkIndex(b *testing.B) {
	var x index
	for n := range uint64(b.N) {
		key := n * 0x94D049BB133111EB
		if x.get(key) == 0 {
			x.put(key, n+1)
		}
	}
}
