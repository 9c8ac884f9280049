// The page begins: each part by itself, so that one that fails takes no other with it.

for (const part of [
  themeButton, sortableTables, shortTables, curveCharts, pictureModes, exampleFilters, followContents, openForPrint,
]) {
  try {
    part();
  } catch (error) {
    console.error(part.name, error);
  }
}
