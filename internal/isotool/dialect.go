package isotool

import (
	"os"
	"strings"

	"switchyard/spec"
)

// OpenDialect opens a dialect by its name, or that of a JSON file with one's own.
func OpenDialect(name string) (*spec.Codec, error) {
	if !strings.HasSuffix(name, ".json") {
		return spec.Open(name)
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return spec.OpenFile(name, file)
}
