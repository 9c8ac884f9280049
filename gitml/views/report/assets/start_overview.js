// The page begins: each part by itself, so that one that fails takes no other with it.

for (const part of [
  themeButton, sortableTables, tickSome, explorer, progressChart, parallelChart, scatterChart, runCharts,
  followContents, openForPrint,
]) {
  try {
    part();
  } catch (error) {
    console.error(part.name, error);
  }
}
