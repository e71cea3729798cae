package ginsec_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/ginsec/ginsec"

// productFiles returns every Go file of the module that is not a test, by folder.
func productFiles(t *testing.T) map[string][]string {
	t.Helper()
	files := map[string][]string{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "bench" || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			dir := filepath.ToSlash(filepath.Dir(path))
			files[dir] = append(files[dir], path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func parse(t *testing.T, path string, mode parser.Mode) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, mode)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// imports returns the module's own folders and the foreign packages dir imports.
func imports(t *testing.T, files []string) (own, foreign []string) {
	t.Helper()
	for _, path := range files {
		for _, spec := range parse(t, path, parser.ImportsOnly).Imports {
			name := strings.Trim(spec.Path.Value, `"`)
			if rest, ok := strings.CutPrefix(name, module+"/"); ok {
				own = append(own, rest)
			} else {
				foreign = append(foreign, name)
			}
		}
	}
	return own, foreign
}

var (
	leaves   = []string{"identity", "problem", "audit"}
	controls = []string{"auth", "replay", "ratelimit", "binding", "scope", "egress"}
)

// room is the top-level folder a package lives in.
func room(dir string) string {
	first, _, _ := strings.Cut(dir, "/")
	return first
}

func TestDependencyRule(t *testing.T) {
	t.Parallel()
	for dir, files := range productFiles(t) {
		own, foreign := imports(t, files)
		from := room(dir)
		for _, to := range own {
			switch {
			case slices.Contains(leaves, from):
				t.Errorf("leaf %s imports %s", dir, to)
			case slices.Contains(controls, from) && slices.Contains(controls, room(to)) && room(to) != from:
				t.Errorf("control %s imports control %s", dir, to)
			case dir == "." && (room(to) == "scope" || room(to) == "binding"):
				t.Errorf("the root imports %s", to)
			case room(to) == "example" || to == "internal/testserver" && from != "bench":
				t.Errorf("%s imports %s, which is not for production", dir, to)
			}
		}
		for _, name := range foreign {
			if strings.HasPrefix(name, "gorm.io/") && from != "scope" && from != "example" {
				t.Errorf("%s imports %s: only scope may", dir, name)
			}
			if name == "testing" && dir != "internal/testserver" && from != "ginsectest" && !strings.HasPrefix(dir, "internal/storetest") {
				t.Errorf("%s imports testing", dir)
			}
			if from == "audit" && strings.Contains(name, ".") {
				t.Errorf("audit imports %s: it must need nothing but the standard library", name)
			}
			if from == "egress" && strings.Contains(name, ".") && name != "golang.org/x/net/idna" {
				t.Errorf("%s imports %s", dir, name)
			}
		}
	}
}

// A program that uses one control must not carry the dependencies of the others:
// the module graph is pruned by what is imported.
func TestConsumersLinkOnlyWhatTheyUse(t *testing.T) {
	t.Parallel()
	const gin, gorm, rueidis, keyfunc = "github.com/gin-gonic/gin", "gorm.io/gorm", "github.com/redis/rueidis", "github.com/MicahParks/keyfunc/v3"
	for _, tc := range []struct {
		imports string
		without []string
	}{
		{"egress", []string{gin, gorm, rueidis, keyfunc}},
		{"audit", []string{gin, gorm, rueidis, keyfunc}},
		{"scope", []string{rueidis, keyfunc}},
		{"binding", []string{gorm, rueidis, keyfunc}},
		{"ratelimit", []string{gorm, keyfunc}},
		{"replay", []string{gorm, keyfunc}},
		{"auth", []string{gorm}},
		{"", []string{gorm}},
	} {
		t.Run("only "+module+"/"+tc.imports, func(t *testing.T) {
			t.Parallel()
			linked := linkedModules(t, strings.TrimSuffix(module+"/"+tc.imports, "/"))
			for _, unwanted := range tc.without {
				if slices.Contains(linked, unwanted) {
					t.Errorf("links %s", unwanted)
				}
			}
			if !slices.Contains(linked, module) {
				t.Errorf("the consumer does not even link %s: %v", module, linked)
			}
		})
	}
}

// linkedModules builds the package list of a fresh module that imports one
// package of ours.
func linkedModules(t *testing.T, imported string) []string {
	t.Helper()
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	sum, err := os.ReadFile("go.sum")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"go.mod":  "module consumer\n\ngo 1.26\n\nrequire " + module + " v0.0.0\n\nreplace " + module + " => " + root + "\n",
		"go.sum":  string(sum),
		"main.go": "package main\n\nimport _ \"" + imported + "\"\n\nfunc main() {}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "go", "list", "-mod=mod", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr(err))
	}
	return strings.Fields(string(out))
}

func stderr(err error) string {
	if exit, ok := err.(*exec.ExitError); ok { //nolint:errorlint // Output returns it bare
		return string(exit.Stderr)
	}
	return ""
}

// The budgets keep each package small enough to read in one sitting.
func TestBudgets(t *testing.T) {
	t.Parallel()
	const maxLines, maxNames = 400, 25
	for dir, files := range productFiles(t) {
		names := 0
		for _, path := range files {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			generated := strings.Contains(string(text), "\n// Code generated ") || strings.HasPrefix(string(text), "// Code generated ")
			if n := strings.Count(string(text), "\n"); n > maxLines && !generated {
				t.Errorf("%s has %d lines, more than %d", path, n, maxLines)
			}
			names += exported(t, path)
		}
		if strings.HasPrefix(dir, "internal/") || strings.Contains(dir, "/internal/") || room(dir) == "example" {
			continue
		}
		if names > maxNames {
			t.Errorf("%s exports %d names, more than %d", dir, names, maxNames)
		}
	}
}

// exported counts a file's exported package-level names and complains of those
// without a comment.
func exported(t *testing.T, path string) int {
	t.Helper()
	n := 0
	count := func(name *ast.Ident, docs ...*ast.CommentGroup) {
		if !name.IsExported() {
			return
		}
		n++
		if !slices.ContainsFunc(docs, func(d *ast.CommentGroup) bool { return d.Text() != "" }) {
			t.Errorf("%s: %s has no comment", path, name.Name)
		}
	}
	for _, decl := range parse(t, path, parser.ParseComments).Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				count(d.Name, d.Doc)
			} else if d.Name.IsExported() && ast.IsExported(receiver(d)) && d.Doc.Text() == "" {
				t.Errorf("%s: method %s has no comment", path, d.Name.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					count(s.Name, d.Doc, s.Doc)
				case *ast.ValueSpec:
					for _, name := range s.Names {
						count(name, d.Doc, s.Doc, s.Comment)
					}
				}
			}
		}
	}
	return n
}

// receiver is the name of a method's type.
func receiver(d *ast.FuncDecl) string {
	t := d.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if generic, ok := t.(*ast.IndexExpr); ok {
		t = generic.X
	}
	if name, ok := t.(*ast.Ident); ok {
		return name.Name
	}
	return ""
}
