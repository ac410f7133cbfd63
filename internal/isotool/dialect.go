package isotool

import (
	"errors"
	"io/fs"
	"strings"

	"switchyard/internal/infile"
	"switchyard/spec"
)

// OpenDialect opens an embedded dialect by its name, or the JSON file of one's own if there is none of that name.
func OpenDialect(name string) (*spec.Codec, error) {
	codec, err := spec.Open(name)
	if err == nil {
		return codec, nil
	}
	file, openErr := infile.Open(name)
	switch {
	case openErr == nil:
	case strings.HasSuffix(name, ".json"), !errors.Is(openErr, fs.ErrNotExist):
		return nil, openErr
	default:
		return nil, err // which lists the embedded ones
	}
	defer file.Close()
	return spec.OpenFile(name, file)
}
