package words_test

import (
	"testing"

	"switchyard/internal/words"
)

func TestCount(t *testing.T) {
	for n, want := range map[int64]string{0: "0 files", 1: "1 file", 2: "2 files", -1: "-1 files"} {
		if got := words.Count(n, "file"); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
